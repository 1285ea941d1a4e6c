import { randomBytes } from 'node:crypto';
import { InvalidArgumentError, NodeError, RemoteMediaError } from '../errors/index.js';
import type { Host, OpenSegment, SegmentRequest, WiredChannel } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';
import { INPUT, planSegments, type Plan } from '../plan/index.js';
import { RunState, type NodeMetrics, type Stage } from '../segment/index.js';
import { CANCEL_TIMEOUT_MS, Cancellation } from './cancellation.js';
import { firstFailure } from './failures.js';
import type { RunInput } from './input.js';
import { watchInterrupts } from './interrupts.js';
import type { ResolvedPipeline } from './resolved.js';

/** What a run measured. */
export interface RunMetrics {
  /** From the first `initialize` to now, or to the end of the run, in µs. */
  readonly totalDurationUs: number;
  /** One record per node, in the order of the pipeline. */
  readonly nodeMetrics: readonly NodeMetrics[];
}

/** What a session is made of. */
export interface SessionRequest {
  readonly pipeline: ResolvedPipeline;
  readonly driver: Host;
  readonly input: RunInput;
  readonly output: Stage;
  readonly logger: Logger;
  readonly isMetered: boolean;
  readonly signal: AbortSignal | undefined;
}

/** One run of one pipeline: opens segments, connects them, waits, cleans up. */
export class Session {
  readonly #request: SessionRequest;
  readonly #run: RunState;
  readonly #plan: Plan;
  readonly #segments: OpenSegment[] = [];
  readonly #startedAt: number = performance.now();
  readonly #cancellation: Cancellation = new Cancellation();
  #durationMs: number | undefined;

  /** @throws GraphError, InvalidArgumentError where the pipeline cannot run with this input. */
  constructor(request: SessionRequest) {
    this.#request = request;
    this.#plan = planOf(request.pipeline, request.driver);
    if (request.input.isGiven && !this.#plan.segments.some((segment) => segment.nodes.includes(INPUT))) {
      throw new InvalidArgumentError(
        'RM_INVALID_INPUT',
        `Pipeline "${request.pipeline.name}" begins with source nodes only, which take no input. Run it without one.`,
      );
    }
    this.#run = new RunState(request.logger, request.isMetered);
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

  /** Counts and durations so far. */
  metrics(): RunMetrics {
    const records = this.#segments.flatMap((segment) => segment.metrics());
    const byNode = new Map(records.map((record) => [record.nodeId, record]));
    return {
      totalDurationUs: (this.#durationMs ?? performance.now() - this.#startedAt) * 1e3,
      nodeMetrics: this.#request.pipeline.nodes.flatMap(({ id }) => byNode.get(id) ?? []),
    };
  }

  /**
   * Runs to the end. The outputs have gone to the output stage when this settles, and nothing of the run is left.
   *
   * @throws NodeError where a node failed: of several failures the one of the lowest item.
   */
  async execute(): Promise<void> {
    const { signal } = this.#request;
    signal?.throwIfAborted();
    const cancel = (): void => {
      this.cancel(signal?.reason);
    };
    const work = this.#execute();
    const unwatch = watchInterrupts({ interrupt: this.cancel.bind(this), ended: work });
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      await work;
    } finally {
      unwatch();
      signal?.removeEventListener('abort', cancel);
    }
  }

  async #execute(): Promise<void> {
    const late: unknown[] = [];
    let stuck: readonly string[] = [];
    try {
      stuck = await this.#runAll();
    } catch (error) {
      this.#run.fail(error as Error);
    }
    for (const segment of [...this.#segments].reverse()) late.push(...(await segment.close()));
    this.#durationMs = performance.now() - this.#startedAt;
    this.#cancellation.dispose();
    this.#report(stuck, late);
  }

  /** Gives the ids of nodes that did not return in time after a cancel. */
  async #runAll(): Promise<readonly string[]> {
    const opening = this.#openAll();
    if (!(await this.#cancellation.waitFor(opening))) {
      this.#forgetLate(opening);
      return this.#run.initializing === undefined ? [] : [this.#run.initializing];
    }
    if (this.#cancellation.isRequested) return [];
    const ending = this.#startAll().then(() => Promise.all(this.#segments.map((segment) => segment.done)));
    if (!(await this.#cancellation.waitFor(ending))) this.#forgetLate(ending);
    return this.#segments.flatMap((segment) => segment.busy());
  }

  /** What comes after everybody has stopped waiting for it is logged. */
  #forgetLate(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#request.logger.warn(`after the cancel had timed out: ${String(error)}`);
    });
  }

  async #openAll(): Promise<void> {
    const { pipeline, input, output, logger } = this.#request;
    const hosts = new Map<string, Host>([[this.#request.driver.name, this.#request.driver]]);
    for (const { placement } of pipeline.nodes) hosts.set(placement.name, placement);
    const nodes = new Map(pipeline.nodes.map(({ id, node }) => [id, node]));
    const hostBySegment = new Map(this.#plan.segments.map(({ id, host }) => [id, hosts.get(host) as Host]));
    const channels = this.#plan.channels.map((channel): WiredChannel => {
      const [producer, consumer] = [
        hostBySegment.get(channel.fromSegment),
        hostBySegment.get(channel.toSegment),
      ];
      return {
        ...channel,
        token: randomBytes(16).toString('hex'),
        producer: producer as Host,
        consumer: consumer as Host,
      };
    });
    const localEntries = new Map<string, Stage>();
    for (const segment of this.#plan.segments) {
      logger.debug(`segment ${segment.id} in ${segment.host}: ${segment.nodes.join(', ')} (${segment.why})`);
      const request: SegmentRequest = {
        segment,
        nodes,
        inputs: channels.filter((channel) => channel.toSegment === segment.id),
        outputs: channels.filter((channel) => channel.fromSegment === segment.id),
        run: this.#run,
        input: input.items,
        output,
        localEntries,
      };
      const opening = (hostBySegment.get(segment.id) as Host).open(request);
      this.#segments.push(opening instanceof Promise ? await opening : opening);
      if (this.#cancellation.isRequested) return;
    }
  }

  async #startAll(): Promise<void> {
    const fromTheEnd = [...this.#segments].reverse();
    for (const segment of fromTheEnd) await segment.connect();
    for (const segment of fromTheEnd) await segment.start();
  }

  #report(stuck: readonly string[], late: readonly unknown[]): void {
    for (const failure of late) this.#request.logger.error(String(failure));
    if (stuck.length > 0) {
      const names = stuck.map((id) => `"${id}"`).join(', ');
      throw new RemoteMediaError(
        'RM_CANCEL_TIMEOUT',
        `After the cancel, node ${names} did not return within ${String(CANCEL_TIMEOUT_MS / 1000)} s. Let its process() watch context.signal.`,
        { cause: this.#cancellation.reason, nodeId: stuck[0] },
      );
    }
    if (this.#cancellation.isRequested) throw this.#cancellation.reason;
    const failure = firstFailure([...this.#run.failures, ...late]);
    if (failure === undefined) return;
    if (failure instanceof NodeError) failure.suppressed.push(...late.filter((other) => other !== failure));
    throw failure;
  }
}

/** Which segment runs where. */
export function planOf(pipeline: ResolvedPipeline, driver: Host): Plan {
  return planSegments({
    name: pipeline.name,
    driver: driver.name,
    nodes: pipeline.nodes,
    edges: pipeline.edges,
  });
}
