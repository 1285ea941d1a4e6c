import { describeCause, HostDiedError, NodeError } from '../../errors/index.js';
import { applySettings } from '../../node/index.js';
import type { DeadLetter, NodeMetrics } from '../../segment/index.js';
import { openSealed, SealedItem } from '../../wire/index.js';
import type { OpenSegment, SegmentRequest, WiredChannel } from '../host.js';
import type { Incarnation, RestartingHost } from './restarting-host.js';

/** How long the death of a host that cannot be dialled any more may take to be known, in milliseconds. */
const DEATH_MS = 1000;

/** A segment of one node, which is opened again in another host when its host has died. */
export class RestartingSegment implements OpenSegment {
  readonly done: Promise<void>;
  readonly #host: RestartingHost;
  readonly #request: SegmentRequest;
  #settle: () => void = () => undefined;
  /** That of the host of now. */
  #inner: OpenSegment | undefined;
  #isInnerDone = false;
  /** How the host of now has died while this segment was about to be connected with it. */
  #death: Error | undefined;
  #restarting: Promise<void> | undefined;
  #restarts = 0;
  #isStarted = false;
  /** Nothing is started again any more. */
  #isOver = false;
  #interruptedBefore = 0;

  constructor(host: RestartingHost, request: SegmentRequest) {
    this.#host = host;
    this.#request = request;
    this.done = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Opens it in the first host. */
  async open(): Promise<void> {
    await this.#openIn(this.#host.current, this.#request.inputs, this.#request.outputs);
  }

  async #openIn(
    { host, node }: Incarnation,
    inputs: readonly WiredChannel[],
    outputs: readonly WiredChannel[],
  ): Promise<OpenSegment> {
    const { nodeId } = this.#host.request;
    let death: Error | undefined;
    let isOpen = false;
    const inner = await host.open({
      ...this.#request,
      nodes: new Map([[nodeId, node]]),
      inputs,
      outputs,
      keeper: {
        hostDied: (error) => {
          death = error;
          if (isOpen) this.#hostDied(error);
        },
        ofLetter: this.#ofLetter.bind(this),
        lost: (stamp) => {
          this.#host.inFlight.lose(stamp);
        },
      },
    });
    if (death !== undefined) throw death;
    isOpen = true;
    this.#inner = inner;
    this.#isInnerDone = false;
    void inner.done.then(() => {
      if (this.#inner !== inner) return;
      this.#isInnerDone = true;
      if (this.#restarting === undefined) this.#end(false);
    });
    return inner;
  }

  connect(): undefined {
    return undefined;
  }

  start(): undefined {
    this.#isStarted = true;
    void this.#inner?.start();
    return undefined;
  }

  stop(): void {
    this.#inner?.stop();
  }

  cancel(): void {
    this.#isOver = true;
    this.#host.inFlight.abandon(false);
    this.#inner?.cancel();
    if (this.#inner === undefined) this.#end(true);
  }

  interrupt(before: number): void {
    this.#interruptedBefore = before;
    this.#inner?.interrupt(before);
  }

  async keep(nodeIds: readonly string[]): Promise<void> {
    await this.#inner?.keep(nodeIds);
  }

  busy(): readonly string[] {
    return this.#inner?.busy() ?? [];
  }

  async close(): Promise<readonly unknown[]> {
    this.#isOver = true;
    await this.#restarting;
    const late = (await this.#inner?.close()) ?? [];
    const [death] = late;
    if (!(death instanceof HostDiedError)) return late;
    // Whatever it was to give had come, or the run has failed with this already.
    this.#request.run.logger.warn(`${death.message} Its node was not cleaned up.`);
    return [];
  }

  /** Those of the host of now: what one before had counted is gone with it. */
  metrics(): readonly NodeMetrics[] {
    return this.#inner?.metrics() ?? [];
  }

  #end(isDead: boolean): void {
    this.#isOver = true;
    this.#host.inFlight.abandon(isDead);
    this.#settle();
  }

  #hostDied(error: Error): void {
    const { run } = this.#request;
    if (this.#restarting !== undefined) this.#death = error;
    else if (this.#host.inFlight.isComplete && run.canFlush) {
      run.logger.warn(`${error.message} All outputs of its node had come.`);
      this.#forgetInner();
      this.#end(true);
    } else if (this.#isOver || !run.canFlush || this.#isAtLimit) this.#giveUp(error);
    else {
      this.#forgetInner();
      this.#restarting = this.#restart(error);
    }
  }

  get #isAtLimit(): boolean {
    return this.#restarts >= this.#host.request.policy.limit;
  }

  #forgetInner(): void {
    // It can be asked for nothing any more: this only lets go of what it holds here.
    void this.#inner?.close();
    this.#inner = undefined;
  }

  /** The run fails, as it does with any host. */
  #giveUp(error: Error): void {
    this.#request.run.breakOff(error);
    this.#end(true);
  }

  /** Never rejects. */
  async #restart(death: Error): Promise<void> {
    const { run } = this.#request;
    const { nodeId, policy } = this.#host.request;
    let failure: unknown = death;
    while (failure instanceof HostDiedError && !this.#isAtLimit && !this.#isOver) {
      const count = `${String(++this.#restarts)} of ${String(policy.limit)}`;
      run.logger.warn(`${failure.message} It is started again for node "${nodeId}" (${count}).`);
      this.#death = undefined;
      failure = (await this.#resume(failure)) ?? this.#death;
    }
    this.#restarting = undefined;
    if (failure instanceof HostDiedError) this.#forgetInner();
    if (this.#isOver || (failure === undefined && this.#isInnerDone)) this.#end(failure !== undefined);
    else if (failure !== undefined) this.#giveUp(failure as Error);
  }

  /** Opens the segment in another host and connects it anew; gives what stood in the way. */
  async #resume(death: HostDiedError): Promise<unknown> {
    const { inFlight, request, current } = this.#host;
    try {
      const [next] = await Promise.all([request.remake(), inFlight.detach()]);
      applySettings(next.node, current.node);
      this.#host.current = next;
      if (!this.#goesOn()) return undefined;
      const inputs = this.#request.inputs.map(withNewToken);
      const outputs = this.#request.outputs.map(withNewToken);
      const inner = await this.#openIn(next, inputs, outputs);
      if (!this.#goesOn()) return undefined;
      if (this.#interruptedBefore > 0) inner.interrupt(this.#interruptedBefore);
      this.#dropStale();
      if (request.policy.items === 'report') this.#report(death);
      await this.#connect(next, [...outputs, ...inputs]);
      if (this.#isStarted) await inner.start();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Asked again behind each wait. */
  #goesOn(): boolean {
    return !this.#isOver;
  }

  /** What has become stale does not come back. */
  #dropStale(): void {
    const { inFlight, request } = this.#host;
    const { run } = this.#request;
    for (const tag of inFlight.dropStale(run)) run.lose(request.nodeId, tag);
  }

  /** What was in the host is given up. */
  #report(death: HostDiedError): void {
    const { inFlight, request } = this.#host;
    const { run } = this.#request;
    const lost = inFlight.flights(run);
    inFlight.clear();
    for (const { number, item, tag } of lost) {
      const place = { nodeId: request.nodeId, itemIndex: number };
      const error = new NodeError({ ...place, phase: 'process', cause: death });
      run.giveUpItem({ ...place, item: this.#toldOf(item), error }, tag?.stamp);
    }
  }

  /** @throws HostDiedError where the host has died meanwhile */
  async #connect({ host }: Incarnation, channels: readonly WiredChannel[]): Promise<void> {
    try {
      for (const { id, token } of channels) await this.#host.inFlight.resume(id, token);
    } catch (error) {
      throw (await deathOf(host)) ?? error;
    }
  }

  #ofLetter(letter: DeadLetter): DeadLetter {
    const { inFlight } = this.#host;
    const number = letter.item as number;
    const item = this.#toldOf(inFlight.item(number));
    inFlight.land(number);
    return { ...letter, item };
  }

  /** What a dead letter says of an item. */
  #toldOf(item: unknown): unknown {
    const { nodeId, keepsSealed } = this.#host.request;
    if (keepsSealed || !(item instanceof SealedItem)) return item;
    try {
      return openSealed(item);
    } catch (error) {
      this.#request.run.logger.warn(
        `the item that node "${nodeId}" failed for stays in Python: ${describeCause(error)}`,
      );
      return undefined;
    }
  }
}

function withNewToken(channel: WiredChannel): WiredChannel {
  return { ...channel, token: crypto.randomUUID() };
}

/** The error of a host's death, where it is about to be known. */
async function deathOf(host: Incarnation['host']): Promise<Error | undefined> {
  let unwatch: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  const death = new Promise<Error | undefined>((resolve) => {
    unwatch = host.watchDeath?.(resolve);
    timer = setTimeout(() => {
      resolve(undefined);
    }, DEATH_MS);
  });
  const error = await death;
  clearTimeout(timer);
  unwatch?.();
  return error;
}
