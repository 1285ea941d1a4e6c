import { INPUT, OUTPUT, successorsOf } from '../../plan/index.js';
import {
  assemble,
  InputFeed,
  join,
  type Assembly,
  type NodeMetrics,
  type PlacedNode,
  type Stage,
} from '../../segment/index.js';
import type { Host, OpenSegment, SegmentRequest, WiredChannel } from '../host.js';
import { cleanUpAll, initializeAll } from './initialize.js';

/** The room is loaded when the first channel to another host is needed. */
type Channels = typeof import('../../channels/index.js');

/** Runs segments in this process, on its event loop: the very objects that the user built. */
export class InProcessHost implements Host {
  readonly language = 'typescript';
  readonly name: string;

  constructor(name = 'in-process') {
    this.name = name;
  }

  async listen(): Promise<string> {
    return (await loadChannels()).listener.address();
  }

  open(request: SegmentRequest): Promise<InProcessSegment> | InProcessSegment {
    const isLocal = [...request.inputs, ...request.outputs].every((channel) => isInside(channel, this));
    return isLocal ? this.#open(request, undefined) : this.#openWithChannels(request);
  }

  async #openWithChannels(request: SegmentRequest): Promise<InProcessSegment> {
    return this.#open(request, await loadChannels());
  }

  #open(
    request: SegmentRequest,
    channels: Channels | undefined,
  ): Promise<InProcessSegment> | InProcessSegment {
    const nodes = placedNodes(request);
    const initialized = initializeAll(nodes, request.run);
    const open = (): InProcessSegment => new InProcessSegment(this, request, nodes, channels);
    return initialized === undefined ? open() : initialized.then(open);
  }
}

function loadChannels(): Promise<Channels> {
  return import('../../channels/index.js');
}

function isInside(channel: WiredChannel, host: Host): boolean {
  return channel.consumer === host && channel.producer === host;
}

function placedNodes({ segment, nodes }: SegmentRequest): PlacedNode[] {
  return segment.nodes.flatMap((id) => {
    const node = nodes.get(id);
    return node === undefined ? [] : [{ id, node }];
  });
}

/** A segment on this event loop. */
export class InProcessSegment implements OpenSegment {
  readonly done: Promise<void>;
  #settle: () => void = () => undefined;
  readonly #host: Host;
  readonly #request: SegmentRequest;
  readonly #nodes: readonly PlacedNode[];
  readonly #channels: Channels | undefined;
  #assembly: Assembly | undefined;
  #feeds: { feed(): Promise<void> }[] = [];
  readonly #unwatch: (() => void)[] = [];
  readonly #senders: InstanceType<Channels['ChannelSender']>[] = [];
  readonly #receivers: InstanceType<Channels['ChannelReceiver']>[] = [];

  constructor(
    host: Host,
    request: SegmentRequest,
    nodes: readonly PlacedNode[],
    channels: Channels | undefined,
  ) {
    this.#host = host;
    this.#request = request;
    this.#nodes = nodes;
    this.#channels = channels;
    this.done = new Promise((resolve) => (this.#settle = resolve));
  }

  connect(): Promise<void> | undefined {
    if (this.#assembly === undefined) this.assemble();
    return this.#senders.length === 0
      ? undefined
      : Promise.all(this.#senders.map((sender) => sender.connect())).then(() => undefined);
  }

  /** Links the stages, and expects the producers of its channels from now on; what they send waits for the start. */
  assemble(): void {
    const { segment, run, input, output } = this.#request;
    const exits = new Map<string, Stage[]>();
    this.#makeOutputs(exits);
    const successors = successorsOf({ ids: segment.nodes, edges: segment.edges });
    for (const [id, targets] of successors)
      if (targets.includes(OUTPUT)) exits.set(id, [...(exits.get(id) ?? []), output]);
    const assembly = assemble(this.#nodes, successors, exits, run);
    this.#assembly = assembly;
    const entry = (ids: readonly string[]): Stage =>
      join(ids.map((id) => (id === OUTPUT ? output : assembly.entry([id]))));
    for (const channel of this.#request.inputs) {
      if (isInside(channel, this.#host)) this.#request.localEntries.set(channel.id, entry(channel.to));
      else this.#receivers.push(this.#receiver(channel, entry(channel.to)));
    }
    this.#feeds.push(...this.#receivers, ...assembly.feeds);
    if (segment.nodes.includes(INPUT)) {
      const targets = [
        ...(successors.get(INPUT) ?? []).map((id) => entry([id])),
        ...(exits.get(INPUT) ?? []),
      ];
      this.#feeds.push(new InputFeed(input ?? [], join(targets), run));
    }
  }

  #makeOutputs(exits: Map<string, Stage[]>): void {
    for (const channel of this.#request.outputs) {
      const local = this.#request.localEntries.get(channel.id);
      const sender = local === undefined ? this.#sender(channel) : undefined;
      if (sender !== undefined) this.#senders.push(sender);
      const stage = local ?? sender;
      if (stage === undefined) continue;
      exits.set(channel.from, [...(exits.get(channel.from) ?? []), stage]);
    }
  }

  #sender({ id, token, consumer }: WiredChannel): InstanceType<Channels['ChannelSender']> {
    const { ChannelSender } = this.#loadedChannels();
    return new ChannelSender(
      { id, token, consumer: consumer.name, address: () => consumer.listen() },
      this.#request.run,
    );
  }

  #receiver({ id, token, producer }: WiredChannel, target: Stage): InstanceType<Channels['ChannelReceiver']> {
    const { ChannelReceiver } = this.#loadedChannels();
    const receiver = new ChannelReceiver({ id, token, producer: producer.name }, target, this.#request.run);
    const unwatch = producer.watchDeath?.(() => {
      void receiver.producerDied();
    });
    if (unwatch !== undefined) this.#unwatch.push(unwatch);
    return receiver;
  }

  #loadedChannels(): Channels {
    if (this.#channels === undefined) throw new Error('a segment without channels has one to another host');
    return this.#channels;
  }

  start(): undefined {
    void Promise.all(this.#feeds.map((feed) => feed.feed())).then(this.#settle);
    return undefined;
  }

  stop(): void {
    // The run itself stops what feeds it in this process.
  }

  cancel(): void {
    // The run itself cancels what lives in this process.
  }

  busy(): string[] {
    return this.#assembly?.busy() ?? [];
  }

  close(): Promise<unknown[]> {
    for (const receiver of this.#receivers) receiver.forget();
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    return cleanUpAll(this.#nodes, this.#request.run, new Set(this.busy()));
  }

  metrics(): NodeMetrics[] {
    return this.#assembly?.metrics() ?? [];
  }
}
