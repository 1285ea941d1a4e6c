import { describeCause, InvalidArgumentError, NodeError } from '../../errors/index.js';
import type { Host, OpenSegment, SegmentRequest, WiredChannel } from '../../hosts/index.js';
import type { Logger } from '../../logging/index.js';
import { INPUT, planSegments, type Edge, type Plan } from '../../plan/index.js';
import {
  nextStamp,
  Pace,
  RunState,
  type NodeMetrics,
  type OnLoss,
  type RunWatch,
  type Stage,
  type TakeDeadLetter,
} from '../../segment/index.js';
import { joinedInputs } from './joined-inputs.js';
import { cancelTimeout, type StuckNode } from './cancel-timeout.js';
import { Cancellation } from './cancellation.js';
import { firstFailure } from './failures.js';
import type { RunInput } from '../input.js';
import { unwatchInterrupts, watchInterrupts, type Interruptible } from './interrupts.js';
import { RELAY } from '../resolve/relays.js';
import type { ResolvedPipeline } from '../resolve/resolved.js';

/** What a run measured. */
export interface RunMetrics {
  /** From the first `initialize` to now, or to the end of the run, in µs. */
  readonly totalDurationUs: number;
  /** One record per node, in the order of the pipeline. */
  readonly nodeMetrics: readonly NodeMetrics[];
}

/** How a session runs; the same for all runs of a live one. */
export interface SessionRequest {
  readonly driver: Host;
  readonly output: Stage;
  readonly logger: Logger;
  readonly isMetered: boolean;
  readonly signal: AbortSignal | undefined;
  /** Whether Ctrl-C ends the run; else whoever drives it decides. */
  readonly isInterruptible: boolean;
  /** Whether what is under way can be interrupted. @defaultValue false */
  readonly isLive?: boolean;
  /** What nodes know it by. @defaultValue a random one */
  readonly id?: string | undefined;
  /** Called for each item that a failure policy gives up. @defaultValue they are logged */
  readonly onDeadLetter?: TakeDeadLetter | undefined;
  /** Called for each item that has come to nothing, where somebody keeps account. */
  readonly onLoss?: OnLoss | undefined;
  /** How it is watched. @defaultValue it is not */
  readonly watch?: RunWatch | undefined;
  /** Called once all nodes are initialized and all segments let items in. */
  readonly onReady?: (() => void) | undefined;
}

/** What has several runs, of which this one is to fit among the others. */
export interface SessionOwner {
  /** Which runs of a session follow each other, and the position of this one among them; so a node goes on in the thread where it was. */
  readonly row: readonly [id: string, position: number] | undefined;
  /** Awaited when all nodes are initialized, before items are let in. {@link Session.joinOutput} has to be called before it settles. */
  beforeStart(): Promise<void> | undefined;
  /** Called where a node of this run interrupts, or somebody else does, with the stamp before which all is stale. */
  onInterrupt(before: number): void;
  /** Called once everything has been processed or given up, before nodes are cleaned up; with what the run failed with, or was cancelled for. */
  onEnding(failure: unknown): void;
}

let sessionCount = 0;

/** Short runs in a row, none of which lets the event loop turn, would keep timers and signals from the program. */
const betweenRuns = new Pace();

/** One run of one pipeline: opens segments, connects them, waits, cleans up. */
export class Session implements Interruptible {
  readonly #pipeline: ResolvedPipeline;
  readonly #input: RunInput;
  readonly #request: SessionRequest;
  readonly #owner: SessionOwner | undefined;
  /** Tells the channels of this session from those of others in the same hosts. */
  readonly #number: number = ++sessionCount;
  readonly #run: RunState;
  /** Not there any more once the segments are open: an idle session would keep it. */
  #plan: Plan | undefined;
  #segments: readonly OpenSegment[] = [];
  readonly #startedAt: number = performance.now();
  readonly #cancellation: Cancellation = new Cancellation();
  readonly #unwatch: (() => void)[] = [];
  #durationMs: number | undefined;
  #ended: Promise<void> | undefined;

  /** Whether a node takes the input. */
  readonly takesInput: boolean;

  /** @throws GraphError, InvalidArgumentError where the pipeline cannot run with this input. */
  constructor(pipeline: ResolvedPipeline, input: RunInput, request: SessionRequest, owner?: SessionOwner) {
    this.#pipeline = pipeline;
    this.#input = input;
    this.#request = request;
    this.#owner = owner;
    const plan = planOf(pipeline, request.driver);
    this.#plan = plan;
    this.takesInput = plan.segments.some((segment) => segment.nodes.includes(INPUT));
    if (input.isGiven && !this.takesInput) throw noTaker(pipeline.name);
    this.#run = new RunState(request.logger, request.isMetered, request.isLive);
    this.#run.sessionId = request.id;
    this.#run.row = owner?.row;
    this.#run.onDeadLetter = request.onDeadLetter;
    this.#run.onLoss = request.onLoss;
    this.#run.watch = request.watch;
    if (owner === undefined) this.joinOutput();
    this.#run.onInterrupt = (before) => {
      for (const segment of this.#segments) segment.interrupt(before);
      owner?.onInterrupt(before);
    };
    this.#run.onBroken = this.#breakOff.bind(this);
    this.#run.onFailure = () => {
      for (const segment of this.#segments) segment.stop();
    };
  }

  /** Ends the run early: the caller of {@link Session.execute} sees `reason`. */
  cancel(reason: unknown): void {
    if (this.#cancellation.isRequested || this.#durationMs !== undefined) return;
    this.#request.logger.debug('cancel');
    this.#cancellation.request(reason);
    this.#run.cancel(reason);
    for (const segment of this.#segments) segment.cancel();
  }

  /** Everything that was let in so far becomes stale, in all hosts. */
  interrupt(before: number = nextStamp()): void {
    this.#run.interrupt(before);
  }

  /** From now on the output is that of this run, and no longer of one before it. */
  joinOutput(): void {
    this.#request.output.join(this.#run);
  }

  /** These nodes go on in another run: they do not flush at the end of this one. Resolves once that is known everywhere. */
  async keep(nodeIds: readonly string[]): Promise<void> {
    this.#run.keep(nodeIds);
    await Promise.all(this.#segments.map((segment) => segment.keep(nodeIds)));
  }

  /** Counts and durations so far. */
  metrics(): RunMetrics {
    const records = this.#segments.flatMap((segment) => segment.metrics());
    const byNode = new Map(records.map((record) => [record.nodeId, record]));
    return {
      totalDurationUs: (this.#durationMs ?? performance.now() - this.#startedAt) * 1e3,
      nodeMetrics: this.#pipeline.nodes.flatMap(({ id, type }) =>
        type === RELAY ? [] : (byNode.get(id) ?? []),
      ),
    };
  }

  /**
   * Runs to the end. The outputs have gone to the output stage when this settles, and nothing of the run is left.
   *
   * @throws NodeError where a node failed: of several failures the one of the lowest item.
   */
  execute(): Promise<void> {
    return (this.#ended ??= this.#execute());
  }

  /** As {@link Session.execute}. */
  get ended(): Promise<void> {
    return this.execute();
  }

  /** One function, also where it is long: each that waits takes half a kilobyte, in all sessions that are open. */
  async #execute(): Promise<void> {
    const { signal, isInterruptible } = this.#request;
    const unlisten = signal === undefined ? undefined : this.#listenTo(signal);
    if (isInterruptible) watchInterrupts(this);
    const stuck: StuckNode[] = [];
    this.#run.enterRow();
    try {
      signal?.throwIfAborted();
      await this.#runAll(stuck);
      await this.#windUp(stuck);
      if (betweenRuns.isTurnDue()) await betweenRuns.turn();
    } finally {
      unwatchInterrupts(this);
      unlisten?.();
      this.#run.quitRow();
      await this.#pipeline.release();
    }
  }

  /** Before anything runs: an `initialize` may abort at once. */
  #listenTo(signal: AbortSignal): () => void {
    const cancel = (): void => {
      this.cancel(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
    return () => {
      signal.removeEventListener('abort', cancel);
    };
  }

  async #windUp(stuck: StuckNode[]): Promise<void> {
    const { reason } = this.#cancellation;
    this.#owner?.onEnding(this.#cancellation.isRequested ? reason : firstFailure(this.#run.failures));
    this.#cancellation.renew();
    const late: unknown[] = [];
    await this.#waitAndGiveUp(this.#closeAll(late), 'cleanup', stuck);
    await this.#bringHome(stuck, late);
    this.#durationMs = performance.now() - this.#startedAt;
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
    this.#cancellation.dispose();
    // After this nothing of the run is left, so that its caller sees the end in the same turn.
    const hasFailed = this.#run.failures.length + late.length > 0;
    await this.#pipeline.release(stuck.length > 0 ? 'stuck' : hasFailed ? 'failed' : 'clean');
    this.#report(stuck, late);
  }

  /** Of a run that did not end well no state comes home. */
  async #bringHome(stuck: readonly StuckNode[], late: unknown[]): Promise<void> {
    const problems = stuck.length + late.length + this.#run.failures.length;
    if (problems > 0 || this.#cancellation.isRequested) return;
    try {
      await this.#pipeline.bringHome?.();
    } catch (error) {
      late.push(error);
    }
  }

  /** Never rejects. */
  async #runAll(stuck: StuckNode[]): Promise<void> {
    try {
      await this.#waitAndGiveUp(this.#openAll(), 'initialize', stuck);
      if (this.#cancellation.isRequested) return;
      const wait = this.#owner?.beforeStart();
      if (wait !== undefined && !(await this.#unlessCancelled(wait))) return;
      const starting = this.#startAll();
      let isInTime = await this.#cancellation.waitFor(starting);
      if (!isInTime) this.#forgetLate(starting);
      else if (this.#run.canFlush) this.#request.onReady?.();
      for (const { done } of this.#segments) isInTime &&= await this.#cancellation.waitFor(done);
      stuck.push(...this.#segments.flatMap((segment) => segment.busy()).map((id) => ({ id })));
    } catch (error) {
      this.#run.fail(error as Error);
    }
  }

  /** Waits for something; a cancel ends that at once. Whether none has come. */
  async #unlessCancelled(work: Promise<void>): Promise<boolean> {
    const { signal } = this.#run;
    const aborted = new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
    await Promise.race([work, aborted]);
    return !this.#cancellation.isRequested;
  }

  /** Waits for work that calls node after node; one that does not return after a cancel is given up, and noted. */
  async #waitAndGiveUp(
    work: Promise<void>,
    method: 'initialize' | 'cleanup',
    stuck: StuckNode[],
  ): Promise<void> {
    for (let left = this.#pipeline.nodes.length; left >= 0; left--) {
      if (await this.#cancellation.waitFor(work)) return;
      const id = method === 'initialize' ? this.#run.initializing : this.#run.cleaningUp;
      const isNew = id !== undefined && !stuck.some((node) => node.id === id && node.method === method);
      if (isNew) stuck.push({ id, method });
      // A host that does not go on will not do so for the next node either.
      else break;
      this.#run.giveUp();
      this.#cancellation.renew();
    }
    this.#forgetLate(work);
  }

  async #closeAll(late: unknown[]): Promise<void> {
    for (const segment of [...this.#segments].reverse()) late.push(...(await segment.close()));
  }

  /** What comes after everybody has stopped waiting for it is logged. */
  #forgetLate(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#request.logger.warn(`after the cancel had timed out: ${describeCause(error)}`);
    });
  }

  async #openAll(): Promise<void> {
    const { output, logger } = this.#request;
    const plan = this.#plan as Plan;
    this.#plan = undefined;
    const hosts = new Map<string, Host>([[this.#request.driver.name, this.#request.driver]]);
    for (const { placement } of this.#pipeline.nodes) hosts.set(placement.name, placement);
    for (const host of hosts.values()) {
      const unwatch = host.watchDeath?.(this.#breakOff.bind(this));
      if (unwatch !== undefined) this.#unwatch.push(unwatch);
    }
    const nodes = new Map(this.#pipeline.nodes.map(({ id, node }) => [id, node]));
    const hostBySegment = new Map(plan.segments.map(({ id, host }) => [id, hosts.get(host) as Host]));
    const channels = this.#wired(plan, hostBySegment);
    const joined = joinedInputs(this.#pipeline, plan);
    const localEntries = new Map<string, Stage>();
    for (const segment of plan.segments) {
      logger.debug(`segment ${segment.id} in ${segment.host}: ${segment.nodes.join(', ')} (${segment.why})`);
      const request: SegmentRequest = {
        segment,
        nodes,
        joined,
        inputs: channels.filter((channel) => channel.toSegment === segment.id),
        outputs: channels.filter((channel) => channel.fromSegment === segment.id),
        run: this.#run,
        input: this.#input.items,
        output,
        localEntries,
      };
      const opening = (hostBySegment.get(segment.id) as Host).open(request);
      const opened = opening instanceof Promise ? await opening : opening;
      if (this.#durationMs !== undefined) {
        // Too late: the run has been given up.
        await opened.close();
        return;
      }
      this.#segments = this.#segments.concat(opened);
      if (this.#cancellation.isRequested) return;
    }
  }

  /** The channels of the plan, with what their ends need. */
  #wired(plan: Plan, hostBySegment: ReadonlyMap<string, Host>): WiredChannel[] {
    const sealed = new Set(
      this.#pipeline.nodes.filter(({ isSealed }) => isSealed === true).map(({ id }) => id),
    );
    return plan.channels.map((channel) => ({
      ...channel,
      id: `${channel.id}.${String(this.#number)}`,
      token: crypto.randomUUID(),
      producer: hostBySegment.get(channel.fromSegment) as Host,
      consumer: hostBySegment.get(channel.toSegment) as Host,
      isSealed: [channel.from, ...channel.to].some((id) => sealed.has(id)),
    }));
  }

  /**
   * What waits for a host that has died, or for a segment that could not begin, would wait for ever: other hosts give up, this process
   * finishes what has come.
   */
  #breakOff(): void {
    if (this.#durationMs !== undefined) return;
    for (const segment of this.#segments) segment.cancel();
  }

  async #startAll(): Promise<void> {
    const fromTheEnd = [...this.#segments].reverse();
    for (const segment of fromTheEnd) await segment.connect();
    for (const segment of fromTheEnd) await segment.start();
  }

  #report(stuck: readonly StuckNode[], late: readonly unknown[]): void {
    for (const failure of late) this.#request.logger.error(describeCause(failure));
    if (stuck.length > 0) {
      const { nodes } = this.#pipeline;
      const isEnded = (id: string): boolean =>
        nodes.find((node) => node.id === id)?.placement.isDead === true;
      throw cancelTimeout(stuck, this.#cancellation.reason, isEnded);
    }
    if (this.#cancellation.isRequested) throw this.#cancellation.reason;
    const failures = [...this.#run.failures, ...late];
    const failure = firstFailure(failures);
    if (failure === undefined) return;
    if (failure instanceof NodeError)
      failure.suppressed.push(...failures.filter((other) => other !== failure));
    throw failure;
  }
}

/** The input has nowhere to go. */
export function noTaker(pipeline: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_INPUT',
    `Pipeline "${pipeline}" begins with source nodes only, which take no input. Run it without one.`,
  );
}

/** Which segment runs where. */
export function planOf(
  pipeline: Pick<ResolvedPipeline, 'name' | 'nodes'> & { readonly edges: readonly Edge[] },
  driver: Host,
): Plan {
  return planSegments({
    name: pipeline.name,
    driver: driver.name,
    nodes: pipeline.nodes.map(({ id, type, host, why, isSource }) => ({ id, type, host, why, isSource })),
    edges: pipeline.edges.map(({ from, to }) => ({ from, to })),
  });
}
