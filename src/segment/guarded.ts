import { RemoteMediaError } from '../errors/index.js';
import { isManyOutputs, isThenable, type FailurePolicy, type NodeContext } from '../node/index.js';
import { DeadlineContext } from './deadline-context.js';
import type { Process } from './followed.js';
import { ItemContext } from './item-context.js';
import { closeIterator } from './iterators.js';
import type { RunState } from './run-state.js';
import type { Tag } from './tag.js';

/** Called for an item that is given up, with its tag in a session. */
type OnSkip = (error: unknown, item: unknown, itemIndex: number, tag: Tag | undefined) => void;

const DELAY_MS = 100;
const FACTOR = 2;
const MAX_DELAY_MS = 30_000;

/** The same, with what a failure policy asks for where it fails. */
export function guarded(
  process: Process,
  policy: FailurePolicy,
  nodeId: string,
  run: RunState,
  onSkip: OnSkip,
): Process {
  const guard: Guard = { process, policy, nodeId, run, onSkip };
  let count = 0;
  return function (this: unknown, item, context) {
    return new GuardedCall(guard, this, item, count++, context).make();
  };
}

interface Guard {
  readonly process: Process;
  readonly policy: FailurePolicy;
  readonly nodeId: string;
  readonly run: RunState;
  readonly onSkip: OnSkip;
}

/** `process` for one item, as often as it takes. */
class GuardedCall {
  readonly #guard: Guard;
  readonly #node: unknown;
  readonly #item: unknown;
  readonly #index: number;
  readonly #context: NodeContext;
  /** That of the call under way, where it has a time limit. */
  #deadline: DeadlineContext | undefined;
  #retries = 0;

  constructor(guard: Guard, node: unknown, item: unknown, index: number, context: NodeContext) {
    this.#guard = guard;
    this.#node = node;
    this.#item = item;
    this.#index = index;
    this.#context = context;
  }

  /** What `process` gives in the end; a sync one that needs no wait gives it at once. */
  make(): unknown {
    const { process, policy } = this.#guard;
    for (;;) {
      this.#deadline = policy.timeoutMs === undefined ? undefined : new DeadlineContext(this.#context);
      try {
        return this.#watched(process.call(this.#node, this.#item, this.#deadline ?? this.#context));
      } catch (error) {
        this.#deadline?.release();
        const delayMs = this.#delayAfter(error, false);
        if (delayMs === undefined) return undefined;
        if (delayMs > 0) return this.#makeAfter(delayMs);
      }
    }
  }

  async #makeAfter(delayMs: number): Promise<unknown> {
    await waitUnlessAborted(delayMs, this.#context.signal);
    return this.make();
  }

  #watched(result: unknown): unknown {
    const isObject = typeof result === 'object' && result !== null;
    if (isObject && isThenable(result)) return this.#settled(result);
    if (!isObject || !isManyOutputs(result)) {
      this.#deadline?.release();
      return result;
    }
    // What has to wait before it is asked again cannot be sync.
    const staysSync = !(Symbol.asyncIterator in result) && this.#guard.policy.retry === undefined;
    return staysSync ? this.#outputsNow(result as Iterable<unknown>) : this.#outputsLater(result);
  }

  async #settled(result: PromiseLike<unknown>): Promise<unknown> {
    try {
      return this.#watched(await this.#inTime(result));
    } catch (error) {
      this.#deadline?.release();
      const delayMs = this.#delayAfter(error, false);
      return delayMs === undefined ? undefined : this.#makeAfter(delayMs);
    }
  }

  *#outputsNow(outputs: Iterable<unknown>): Generator<unknown, void, undefined> {
    try {
      yield* outputs;
    } catch (error) {
      this.#delayAfter(error, true);
    } finally {
      this.#deadline?.release();
    }
  }

  async *#outputsLater(
    outputs: Iterable<unknown> | AsyncIterable<unknown>,
  ): AsyncGenerator<unknown, void, undefined> {
    const iterator = outputs as unknown as Iterator<unknown> | AsyncIterator<unknown>;
    let hasGiven = false;
    let isOpen = true;
    try {
      for (;;) {
        const answer = iterator.next();
        const step = isThenable(answer) ? await this.#inTime(answer) : answer;
        isOpen = step.done !== true;
        if (!isOpen) return;
        hasGiven ||= step.value !== undefined;
        yield step.value;
      }
    } catch (error) {
      this.#deadline?.release();
      isOpen = error === this.#deadline?.failure;
      const delayMs = this.#delayAfter(error, hasGiven);
      if (delayMs === undefined) return;
      const result = await this.#makeAfter(delayMs);
      if (typeof result === 'object' && result !== null && isManyOutputs(result)) yield* result;
      else yield result;
    } finally {
      this.#deadline?.release();
      if (isOpen) closeIterator(iterator, this.#guard.run);
    }
  }

  /**
   * What comes after a failure: the wait before the next try in milliseconds, or `undefined` where the item is skipped.
   *
   * @throws the failure, where neither is to be
   */
  #delayAfter(error: unknown, hasGiven: boolean): number | undefined {
    const { policy, run, onSkip } = this.#guard;
    // What was interrupted or cancelled has not failed.
    if (run.isCancelled || (run.isTagged && this.#context.signal.aborted)) throw error;
    const { retry, onError } = policy;
    if (retry !== undefined && !hasGiven && this.#retries < retry.attempts) {
      const { delayMs = DELAY_MS, factor = FACTOR, maxDelayMs = MAX_DELAY_MS } = retry;
      return Math.min(delayMs * factor ** this.#retries++, maxDelayMs);
    }
    if (onError !== 'skip') throw error;
    onSkip(
      error,
      this.#item,
      this.#index,
      this.#context instanceof ItemContext ? this.#context.tag : undefined,
    );
    return undefined;
  }

  /** The same, with the failure of the time limit where that is over before. */
  #inTime<T>(result: PromiseLike<T>): PromiseLike<T> {
    const { timeoutMs } = this.#guard.policy;
    return this.#deadline === undefined || timeoutMs === undefined
      ? result
      : this.#deadline.limit(result, timeoutMs, () => this.#timeout(timeoutMs));
  }

  #timeout(timeoutMs: number): Error {
    const { nodeId } = this.#guard;
    return new RemoteMediaError(
      'RM_TIMEOUT',
      `Node "${nodeId}" gave nothing for item ${String(this.#index)} within ${String(timeoutMs)} ms. Let it hand context.signal to what it waits for, or raise timeoutMs.`,
      { nodeId },
    );
  }
}

/** @throws the reason of the signal, as soon as it aborts. */
function waitUnlessAborted(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', abort, { once: true });
  });
}
