import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { isManyOutputs, isThenable } from '../node/index.js';

const ALWAYS_MEASURED = 1000;
const SAMPLE_MASK = 63;

/** How long calls took, by sample: the first 1,000 and then every 64th. */
export class Timing {
  readonly #histogram: RecordableHistogram = createHistogram();
  #totalMs = 0;

  /** Whether the call for the item at this position is measured. */
  static isMeasured(index: number): boolean {
    return index < ALWAYS_MEASURED || (index & SAMPLE_MASK) === 0;
  }

  /** Adds a duration in milliseconds. */
  add(durationMs: number): void {
    this.#totalMs += durationMs;
    this.#histogram.record(Math.max(1, Math.round(durationMs * 1e6)));
  }

  /**
   * Adds the duration of a call that began at `start` and gave an object, once all that it stands for is there: until a promise settles,
   * and for many outputs what is spent inside them, but not what others do between them.
   */
  addOutcome(start: number, result: object): unknown {
    if (!isThenable(result)) return this.#addValue(start, result);
    return result.then(
      (value) => this.#addValue(start, value),
      (error: unknown) => {
        this.add(performance.now() - start);
        throw error;
      },
    );
  }

  #addValue(start: number, value: unknown): unknown {
    const durationMs = performance.now() - start;
    if (typeof value === 'object' && value !== null && isManyOutputs(value))
      return timedOutputs(value, durationMs, this.add.bind(this));
    this.add(durationMs);
    return value;
  }

  /** How many calls were measured. */
  get measured(): number {
    return this.#histogram.count;
  }

  /** Sum of the measured durations, in microseconds. */
  get totalUs(): number {
    return this.#totalMs * 1e3;
  }

  /** Longest measured duration, in microseconds. */
  get maxUs(): number {
    return this.measured === 0 ? 0 : this.#histogram.max / 1e3;
  }

  /** A percentile (0 to 100) of the measured durations, in microseconds. */
  percentileUs(percentile: number): number {
    return this.measured === 0 ? 0 : this.#histogram.percentile(percentile) / 1e3;
  }
}

type Outputs = (Iterator<unknown> & Iterable<unknown>) | (AsyncIterator<unknown> & AsyncIterable<unknown>);
type Step = IteratorResult<unknown>;

/** The same outputs; adds, once they are at their end or closed, the time spent inside them to that of the call. */
function timedOutputs(outputs: Outputs, spentMs: number, add: (durationMs: number) => void): object {
  let totalMs = spentMs;
  let isOver = false;
  const finish = (): void => {
    if (!isOver) add(totalMs);
    isOver = true;
  };
  const timed = (method: 'next' | 'return'): Step | PromiseLike<Step> => {
    const start = performance.now();
    const ended = (step?: Step): void => {
      totalMs += performance.now() - start;
      if (step?.done !== false || method === 'return') finish();
    };
    let step: Step | PromiseLike<Step>;
    try {
      step = outputs[method]?.() ?? { done: true, value: undefined };
    } catch (error) {
      ended();
      throw error;
    }
    if (!isThenable(step)) {
      ended(step);
      return step;
    }
    const pending = step;
    return pending.then(
      (value) => {
        ended(value);
        return value;
      },
      (error: unknown) => {
        ended();
        throw error;
      },
    );
  };
  const iterable = { next: () => timed('next'), return: () => timed('return') };
  const self = (): object => iterable;
  const key = Symbol.asyncIterator in outputs ? Symbol.asyncIterator : Symbol.iterator;
  return Object.assign(iterable, { [key]: self });
}
