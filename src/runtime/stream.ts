import { defaultLogger } from '../logging/index.js';
import { QueueSink } from '../segment/index.js';
import type { PipelineDefinition } from './definition.js';
import type { RunInput } from './input.js';
import { resolvePipeline } from './resolve.js';
import type { RunOptions } from './run.js';
import { driver } from './driver.js';
import { Session, type RunMetrics } from './session.js';

/** Why a run ends whose outputs nobody wants any more. */
const LEFT: unique symbol = Symbol('the consumer left');

/** The outputs of a run, as they come. The run begins with the first `next()`. */
export class PipelineStream<Out> implements AsyncIterableIterator<Out>, AsyncDisposable {
  readonly #definition: PipelineDefinition;
  readonly #input: RunInput;
  readonly #options: RunOptions;
  readonly #sink: QueueSink = new QueueSink();
  #session: Session | undefined;
  #ended: Promise<void> | undefined;
  #isLeaving = false;
  #ready: unknown[] = [];
  #position = 0;

  constructor(definition: PipelineDefinition, input: RunInput, options: RunOptions) {
    this.#definition = definition;
    this.#input = input;
    this.#options = options;
  }

  /** Counts so far, and durations where `enableMetrics` is on. */
  metrics(): RunMetrics {
    return this.#session?.metrics() ?? { totalDurationUs: 0, nodeMetrics: [] };
  }

  next(): Promise<IteratorResult<Out>> {
    if (this.#position < this.#ready.length)
      return Promise.resolve({ done: false, value: this.#ready[this.#position++] as Out });
    return this.#takeMore();
  }

  /** Ends the run early; resolves once it has cleaned up. */
  async return(): Promise<IteratorResult<Out>> {
    this.#isLeaving = true;
    this.#ready = [];
    if (this.#ended === undefined) {
      this.#ended = Promise.resolve();
    } else {
      this.#sink.close(true);
      this.#session?.cancel(LEFT);
      await this.#ended;
    }
    return { done: true, value: undefined };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #takeMore(): Promise<IteratorResult<Out>> {
    this.#ended ??= this.#run();
    for (;;) {
      if (this.#position < this.#ready.length)
        return { done: false, value: this.#ready[this.#position++] as Out };
      this.#position = 0;
      this.#ready = await this.#sink.take();
      if (this.#ready.length > 0) continue;
      await this.#ended;
      return { done: true, value: undefined };
    }
  }

  #run(): Promise<void> {
    const running = this.#execute().finally(() => {
      this.#sink.close(false);
    });
    // Whoever reads the stream awaits this and sees the error; it must not count as unhandled before that.
    running.catch(() => undefined);
    return running;
  }

  async #execute(): Promise<void> {
    const { signal, logger, enableMetrics } = this.#options;
    signal?.throwIfAborted();
    const pipeline = await resolvePipeline(this.#definition);
    try {
      if (this.#isLeaving) return;
      this.#session = new Session({
        pipeline,
        driver,
        input: this.#input,
        output: this.#sink,
        logger: logger ?? defaultLogger(),
        isMetered: enableMetrics ?? false,
        signal,
      });
      await this.#session.execute();
    } catch (error) {
      if (error !== LEFT) throw error;
    } finally {
      await pipeline.release();
    }
  }
}
