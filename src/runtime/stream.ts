import { isRemoteMediaError } from '../errors/index.js';
import { InProcessHost } from '../hosts/index.js';
import { defaultLogger } from '../logging/index.js';
import { QueueSink, type TakeDeadLetter, type Tag } from '../segment/index.js';
import type { PipelineDefinition } from './definition.js';
import { Generations, type Edit } from './live/generations.js';
import type { InputQueues } from './live/input-queues.js';
import type { RunInput } from './input.js';
import type { Ledger } from './live/ledger.js';
import { resolvePipeline, type ResolveOptions } from './resolve/resolve.js';
import type { ResolvedPipeline } from './resolve/resolved.js';
import type { RunOptions } from './run.js';
import { Session, type RunMetrics, type SessionRequest } from './session/session.js';
import { watchOf } from './watch-options.js';

/** Those of a run; whoever takes dead letters is told their stamps. */
export type StreamOptions = Omit<RunOptions, 'onDeadLetter'> & {
  readonly onDeadLetter?: TakeDeadLetter | undefined;
};

/** What a live session has besides. */
interface Live {
  readonly sessionId: string;
  readonly queues: InputQueues;
  /** Where somebody keeps account. */
  readonly ledger: Ledger | undefined;
}

/** The outputs of a run, as they come. The run begins with the first `next()`. */
export class PipelineStream<Out> implements AsyncIterableIterator<Out>, AsyncDisposable {
  readonly #definition: PipelineDefinition;
  readonly #input: RunInput;
  readonly #options: StreamOptions;
  /** Of what can be interrupted. */
  readonly #live: Live | undefined;
  readonly #sink: QueueSink = new QueueSink();
  #session: Session | Generations | undefined;
  #ended: Promise<void> | undefined;
  /** Called when items are let in, and when the run is over before that. */
  #setOpen: (() => void) | undefined;
  #isOver = false;
  /** Why the run ends: nobody wants its outputs any more. */
  #leaving: { readonly reason: unknown } | undefined;
  /** How many steps have been asked for and are not there yet. */
  #stepsAsked = 0;
  #lastStep: Promise<unknown> | undefined;
  /** @internal Called when nothing of the run is left, with what it failed with. */
  onOver: ((failure: unknown) => void) | undefined;

  /** @internal */
  constructor(definition: PipelineDefinition, input: RunInput, options: StreamOptions, live?: Live) {
    this.#live = live;
    this.#definition = definition;
    this.#input = input;
    this.#options = options;
    if (live?.ledger !== undefined) this.#sink.onTake = live.ledger.gave;
  }

  /** Counts so far, and durations where `enableMetrics` is on. */
  metrics(): RunMetrics {
    return this.#session?.metrics() ?? { totalDurationUs: 0, nodeMetrics: [] };
  }

  /**
   * The next output, once it is there. Calls may overlap; they are answered in order. A failure comes after the outputs before it.
   *
   * @throws NodeError `RM_NODE_FAILED` where a node fails; `signal.reason` where the run is cancelled
   */
  next(): Promise<IteratorResult<Out>> {
    const isFirst = this.#stepsAsked === 0;
    const ready = isFirst && this.#leaving === undefined ? this.#sink.takeNow() : undefined;
    if (ready !== undefined) return Promise.resolve({ done: false, value: ready.value as Out });
    this.#stepsAsked++;
    const take = (): Promise<IteratorResult<Out>> => this.#takeMore();
    // Steps come in the order in which they were asked for, also where nobody waited for the one before.
    const step = isFirst ? take() : (this.#lastStep ?? Promise.resolve()).then(take, take);
    this.#lastStep = step;
    return step;
  }

  /**
   * Ends the run early; resolves once it has cleaned up. What may have failed in the meantime is not told: the run had gone ahead further
   * than its reader wanted.
   *
   * @throws RemoteMediaError `RM_CANCEL_TIMEOUT` where a node does not return.
   */
  async return(): Promise<IteratorResult<Out>> {
    await this.leave(new DOMException('The reader of the outputs left.', 'AbortError'));
    return { done: true, value: undefined };
  }

  /** @internal Begins the run at once; resolves when all nodes are initialized and items are let in, or when it is over before that. */
  async open(): Promise<void> {
    const opened = new Promise<void>((resolve) => (this.#setOpen = resolve));
    const { ended } = this;
    await opened;
    this.#setOpen = undefined;
    // To wait for both would leave something behind for as long as the session is open.
    if (this.#isOver) await ended;
  }

  /** @internal Settles when the run has ended and nothing is left of it; begins it where it has not begun. */
  get ended(): Promise<void> {
    return (this.#ended ??= this.#run());
  }

  /** @internal Makes stale what has been let in so far. */
  interrupt(): void {
    this.#session?.interrupt();
  }

  /** @internal The tags of outputs that nobody has read yet. */
  unread(): readonly (Tag | undefined)[] {
    return this.#sink.waiting();
  }

  /** @internal Changes the pipeline of a live session that is open; see {@link Generations.change}. */
  async change(edit: Edit): Promise<void> {
    if (this.#session instanceof Generations) await this.#session.change(edit);
  }

  /** @internal Whether a node takes the input; known once the run has begun. */
  get takesInput(): boolean {
    return this.#session?.takesInput ?? true;
  }

  /** @internal As {@link PipelineStream.return}, for this reason. */
  async leave(reason: unknown): Promise<void> {
    this.#leaving ??= { reason };
    this.#sink.close(true);
    this.#session?.cancel(this.#leaving.reason);
    this.#ended ??= Promise.resolve();
    try {
      await this.#ended;
    } catch (error) {
      if (isRemoteMediaError(error) && error.code === 'RM_CANCEL_TIMEOUT') throw error;
    }
  }

  /** Ends the run, where it still goes on, at the end of an `await using` block; see {@link PipelineStream.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** The stream itself: its outputs can be read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  async #takeMore(): Promise<IteratorResult<Out>> {
    try {
      const { ended } = this;
      const item = await this.#sink.take();
      if (item !== undefined) return { done: false, value: item.value as Out };
      await ended;
      return { done: true, value: undefined };
    } finally {
      this.#stepsAsked--;
    }
  }

  #run(): Promise<void> {
    const running = this.#execute();
    // Whoever reads the stream awaits this and sees the error; it must not count as unhandled before that.
    running.catch(ignore);
    return running;
  }

  async #execute(): Promise<void> {
    const {
      signal,
      logger = defaultLogger(),
      enableMetrics,
      returnState = false,
      onDeadLetter,
    } = this.#options;
    let failure: unknown;
    try {
      signal?.throwIfAborted();
      const driver = new InProcessHost();
      const watch = watchOf(this.#options, this.#live !== undefined);
      const resolving = { logger, returnState, watch };
      const pipeline = await resolvePipeline(this.#definition, driver, resolving);
      try {
        if (this.#leaving !== undefined) return;
        const request = {
          driver,
          output: this.#sink,
          logger,
          isMetered: enableMetrics ?? false,
          signal,
          isInterruptible: true,
          onDeadLetter,
          onLoss: this.#live?.ledger?.lose,
          watch,
          isLive: this.#live !== undefined,
          id: this.#live?.sessionId,
          onReady: () => this.#setOpen?.(),
        };
        this.#session = this.#runs(pipeline, request, resolving);
        await this.#session.execute();
      } finally {
        await pipeline.release();
      }
    } catch (error) {
      if (this.#leaving !== undefined && error === this.#leaving.reason) return;
      failure = error;
      throw error;
    } finally {
      this.#isOver = true;
      this.#sink.close(false);
      this.#setOpen?.();
      this.onOver?.(failure);
    }
  }

  #runs(
    pipeline: ResolvedPipeline,
    common: SessionRequest,
    resolving: ResolveOptions,
  ): Session | Generations {
    if (this.#live === undefined) return new Session(pipeline, this.#input, common);
    const { queues } = this.#live;
    return new Generations({ definition: this.#definition, pipeline, queues, resolving, common });
  }
}

function ignore(): void {
  // Somebody else sees it.
}
