import type { DType, Tensor } from '../data/index.js';
import type { Logger } from '../logging/index.js';
import type { NodeContext } from '../node/index.js';

/** The context of a call that has a time limit: its signal aborts when that is over, too. */
export class DeadlineContext implements NodeContext {
  /** Once the time is over. */
  failure: Error | undefined;
  readonly #context: NodeContext;
  readonly #controller = new AbortController();
  #isLinked = false;

  constructor(context: NodeContext) {
    this.#context = context;
  }

  get nodeId(): string {
    return this.#context.nodeId;
  }

  get sessionId(): string {
    return this.#context.sessionId;
  }

  get timestampUs(): number | undefined {
    return this.#context.timestampUs;
  }

  set timestampUs(timestampUs: number | undefined) {
    this.#context.timestampUs = timestampUs;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  get signal(): AbortSignal {
    if (!this.#isLinked) {
      this.#isLinked = true;
      const { signal } = this.#context;
      if (signal.aborted) this.#abort();
      else signal.addEventListener('abort', this.#abort, { once: true });
    }
    return this.#controller.signal;
  }

  allocate(dtype: DType, shape: readonly number[]): Tensor {
    return this.#context.allocate(dtype, shape);
  }

  interrupt(): void {
    this.#context.interrupt();
  }

  survive(): void {
    this.#context.survive();
  }

  /** What a promise gives, if it does so in time; else the failure that `failureOf` makes. */
  limit<T>(result: PromiseLike<T>, timeoutMs: number, failureOf: () => Error): Promise<T> {
    const { signal } = this.#context;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop);
        this.failure = failureOf();
        this.#controller.abort(this.failure);
        reject(this.failure);
      }, timeoutMs);
      const stop = (): void => {
        clearTimeout(timer);
      };
      const settle = (): void => {
        stop();
        signal.removeEventListener('abort', stop);
      };
      // A call that is given up has no limit any more: it is over when its node says so.
      signal.addEventListener('abort', stop, { once: true });
      result.then(settle, settle);
      result.then(resolve, reject);
    });
  }

  /** The call is over: many calls share the signal that this one has listened to. */
  release(): void {
    if (this.#isLinked) this.#context.signal.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => {
    this.#controller.abort(this.#context.signal.reason);
  };
}
