import { roleOf, type AnyNode } from '../../node/index.js';
import { INPUT, OUTPUT, successorsOf } from '../../plan/index.js';
import {
  assemble,
  InputFeed,
  join,
  type Assembly,
  type NodeMetrics,
  type PlacedNode,
  type RunState,
  type Stage,
} from '../../segment/index.js';
import { isBulk, type Host, type OpenSegment, type SegmentRequest, type WiredChannel } from '../host.js';
import { givingOf } from './giving.js';
import { cleanUpAll, initializeAll } from './initialize.js';

/** The room is loaded when the first channel to another host is needed. */
type Channels = typeof import('../../channels/index.js');
/** Loaded for runs that are watched. */
type Watching = typeof import('../watching/index.js');
type Borrowers = InstanceType<Channels['Borrowers']>;
type Giving = ReturnType<ReturnType<typeof givingOf>>;

/** Runs segments in this process, on its event loop: the very objects that the user built. */
export class InProcessHost implements Host {
  readonly language = 'typescript';
  readonly canShareMemory = true;
  readonly name: string;

  constructor(name = 'in-process') {
    this.name = name;
  }

  async listen(): Promise<string> {
    return (await loadChannels()).listener.address();
  }

  open(request: SegmentRequest): Promise<InProcessSegment> | InProcessSegment {
    const isLocal = [...request.inputs, ...request.outputs].every((channel) => isInside(channel, this));
    const isWatched = request.run.watch !== undefined;
    return isLocal && !isWatched
      ? this.#open(request, undefined)
      : this.#openLoaded(request, isLocal, isWatched);
  }

  async #openLoaded(
    request: SegmentRequest,
    isLocal: boolean,
    isWatched: boolean,
  ): Promise<InProcessSegment> {
    const channels = isLocal ? undefined : await loadChannels();
    return this.#open(request, channels, isWatched ? await import('../watching/index.js') : undefined);
  }

  #open(
    request: SegmentRequest,
    channels: Channels | undefined,
    watching?: Watching,
  ): Promise<InProcessSegment> | InProcessSegment {
    const nodes = placedNodes(request);
    const initialized = initializeAll(nodes, request.run);
    const open = (): InProcessSegment => new InProcessSegment(this, request, nodes, channels, watching);
    return initialized === undefined ? open() : initialized.then(open);
  }
}

function loadChannels(): Promise<Channels> {
  return import('../../channels/index.js');
}

/** A streaming node decides itself when it is done with an item, so it always gets its own. */
function borrows(node: AnyNode | undefined): boolean {
  return node?.borrows === true && roleOf(node) === 'process' && node.fanIn === undefined;
}

function withBorrowers(
  placed: PlacedNode,
  borrowers: ReadonlyMap<WiredChannel, Borrowers | undefined>,
): PlacedNode {
  const lenders = [...borrowers].flatMap(([{ to }, lender]) =>
    lender !== undefined && to.includes(placed.id) ? lender : [],
  );
  if (lenders.length === 0) return placed;
  return {
    ...placed,
    afterProcess: (item) => {
      for (const lender of lenders) lender.done(item);
    },
  };
}

function isInside(channel: WiredChannel, host: Host): boolean {
  return channel.consumer === host && channel.producer === host;
}

function placedNodes({ segment, nodes, joined }: SegmentRequest): PlacedNode[] {
  return segment.nodes.flatMap((id) => {
    const node = nodes.get(id);
    return node === undefined ? [] : [{ id, node, inputs: joined.get(id) }];
  });
}

/** A segment on this event loop. */
export class InProcessSegment implements OpenSegment {
  readonly done: Promise<void>;
  #settle: () => void = () => undefined;
  readonly #host: Host;
  readonly #run: RunState;
  /** What its stages are made of; not there any more once they are: an idle session would keep it. */
  #request: SegmentRequest | undefined;
  readonly #nodes: readonly PlacedNode[];
  readonly #channels: Channels | undefined;
  readonly #watching: Watching | undefined;
  #assembly: Assembly | undefined;
  #lenders: readonly Borrowers[] = [];
  #feeds: readonly { feed(): Promise<void> }[] = [];
  #unwatch: readonly (() => void)[] = [];
  readonly #senders: InstanceType<Channels['ChannelSender']>[] = [];
  readonly #receivers: InstanceType<Channels['ChannelReceiver']>[] = [];

  constructor(
    host: Host,
    request: SegmentRequest,
    nodes: readonly PlacedNode[],
    channels: Channels | undefined,
    watching?: Watching,
  ) {
    this.#watching = watching;
    this.#host = host;
    this.#run = request.run;
    this.#request = request;
    this.#nodes = nodes;
    this.#channels = channels;
    this.done = new Promise((resolve) => (this.#settle = resolve));
  }

  connect(): Promise<void> | undefined {
    this.assemble();
    return this.#senders.length === 0
      ? undefined
      : Promise.all(this.#senders.map((sender) => sender.connect())).then(() => undefined);
  }

  /** Links the stages, and expects the producers of its channels from now on; what they send waits for the start. */
  assemble(): void {
    const request = this.#request;
    if (request === undefined) return;
    this.#request = undefined;
    const { segment, run, input, output } = request;
    const exits = new Map<string, Stage[]>();
    const successors = successorsOf({ ids: segment.nodes, edges: segment.edges });
    this.#makeOutputs(request, exits);
    for (const [id, targets] of successors)
      if (targets.includes(OUTPUT)) exits.set(id, [...(exits.get(id) ?? []), output]);
    const borrowers = new Map(
      request.inputs.map((channel) => [channel, this.#borrowersOf(request, channel)]),
    );
    this.#lenders = [...borrowers.values()].filter((lender) => lender !== undefined);
    const nodes = this.#nodes.map((placed) => withBorrowers(placed, borrowers));
    const [assembly, entryOf] = assemble(nodes, successors, exits, run);
    this.#assembly = assembly;
    const entry = (ids: readonly string[], from: string): Stage =>
      join(
        ids.map((id) => (id === OUTPUT ? output : entryOf(id, from))),
        run,
      );
    for (const channel of request.inputs) {
      const target = entry(channel.to, channel.from);
      if (isInside(channel, this.#host)) request.localEntries.set(channel.id, target);
      else this.#receivers.push(this.#receiver(request, channel, target, borrowers.get(channel)));
    }
    this.#feeds = [...this.#receivers, ...assembly.feeds];
    if (segment.nodes.includes(INPUT)) {
      const targets = [
        ...(successors.get(INPUT) ?? []).map((id) => entry([id], INPUT)),
        ...(exits.get(INPUT) ?? []),
      ];
      this.#feeds = this.#feeds.concat(new InputFeed(input ?? [], join(targets, run), run));
    }
  }

  #makeOutputs(request: SegmentRequest, exits: Map<string, Stage[]>): void {
    const { outputs, localEntries } = request;
    let giving: ReturnType<typeof givingOf> | undefined;
    for (const channel of outputs) {
      let stage = localEntries.get(channel.id);
      if (stage === undefined) {
        giving ??= this.#giving(request);
        const sender = this.#sender(channel, giving(channel.from));
        this.#senders.push(sender);
        stage = sender;
      }
      exits.set(channel.from, [...(exits.get(channel.from) ?? []), stage]);
    }
  }

  #giving(request: SegmentRequest): ReturnType<typeof givingOf> {
    const { segment, inputs, outputs, nodes, localEntries } = request;
    return givingOf({
      edges: segment.edges,
      inputs: inputs.map((channel) => ({ to: channel.to, isInside: isInside(channel, this.#host) })),
      outputs: outputs.map(({ id, from }) => ({ from, isInside: localEntries.has(id) })),
      nodes,
    });
  }

  #sender(channel: WiredChannel, giving: Giving): InstanceType<Channels['ChannelSender']> {
    const { ChannelSender, allocateTensor } = this.#loadedChannels();
    const { id, token, to, consumer } = channel;
    const isInBulk = isBulk(channel);
    if (isInBulk) this.#run.allocate = allocateTensor;
    return new ChannelSender(
      {
        id,
        token,
        to: to.find((node) => node !== OUTPUT),
        isBulk: isInBulk,
        giving,
        consumer: consumer.name,
        inFlight: consumer.inFlight,
        address: () => consumer.listen(),
      },
      this.#run,
    );
  }

  #receiver(
    { outputs }: SegmentRequest,
    { id, token, to, producer }: WiredChannel,
    target: Stage,
    borrowers: Borrowers | undefined,
  ): InstanceType<Channels['ChannelReceiver']> {
    const { ChannelReceiver } = this.#loadedChannels();
    const receiver = new ChannelReceiver(
      {
        id,
        token,
        to: to[0] ?? OUTPUT,
        isShared: to.length > 1,
        canPassOn: !to.includes(OUTPUT) && outputs.some(isBulk),
        borrowers,
        producer: producer.name,
        inFlight: producer.inFlight,
      },
      target,
      this.#run,
    );
    const unwatch = producer.watchDeath?.(() => {
      void receiver.producerDied();
    });
    if (unwatch !== undefined) this.#unwatch = this.#unwatch.concat(unwatch);
    return receiver;
  }

  /** Where all nodes that a channel feeds only borrow their items, and memory can be mapped here. */
  #borrowersOf({ nodes }: SegmentRequest, { to }: WiredChannel): Borrowers | undefined {
    const doBorrow = to.every((id) => borrows(nodes.get(id)));
    if (!doBorrow || this.#channels?.canMap() !== true) return undefined;
    return new this.#channels.Borrowers(to.length);
  }

  #loadedChannels(): Channels {
    if (this.#channels === undefined) throw new Error('a segment without channels has one to another host');
    return this.#channels;
  }

  start(): undefined {
    this.#watch();
    this.#run.begin();
    let open = this.#feeds.length;
    if (open === 0) this.#settle();
    const ended = (): void => {
      if (--open === 0) this.#settle();
    };
    for (const feed of this.#feeds) void feed.feed().then(ended);
    return undefined;
  }

  #watch(): void {
    const { watch, logger } = this.#run;
    if (this.#watching === undefined || watch === undefined) return;
    const stages = this.#assembly?.stages ?? [];
    const unwatch = this.#watching.watchSegment({ host: this.#host.name, watch, stages, logger });
    this.#unwatch = this.#unwatch.concat(unwatch);
  }

  stop(): void {
    // The run itself stops what feeds it in this process.
  }

  cancel(): void {
    // The run itself cancels what lives in this process.
  }

  interrupt(): void {
    // The run itself interrupts what lives in this process.
  }

  keep(): Promise<void> {
    // The run itself knows which nodes go on.
    return Promise.resolve();
  }

  busy(): string[] {
    return this.#assembly?.busy() ?? [];
  }

  close(): Promise<unknown[]> {
    for (const lender of this.#lenders) lender.close();
    for (const receiver of this.#receivers) receiver.forget();
    for (const unwatch of this.#unwatch) unwatch();
    this.#unwatch = [];
    return cleanUpAll(this.#nodes, this.#run, new Set(this.busy()));
  }

  metrics(): NodeMetrics[] {
    return this.#assembly?.metrics() ?? [];
  }
}
