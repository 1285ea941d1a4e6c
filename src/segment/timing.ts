import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

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
