import type { Timing } from './timing.js';

/** What is known of one node after, or during, a run. Counts are exact; durations come from a sample. */
export interface NodeMetrics {
  readonly nodeId: string;
  readonly itemsIn: number;
  readonly itemsOut: number;
  readonly errors: number;
  /** How many calls of `process` were measured: the first 1,000, then every 64th. */
  readonly measured: number;
  /** Sum of the measured durations, in µs. */
  readonly totalDurationUs: number;
  /** Mean of the measured durations, in µs. */
  readonly avgDurationUs: number;
  readonly p50DurationUs: number;
  readonly p95DurationUs: number;
  readonly p99DurationUs: number;
  readonly maxDurationUs: number;
  /** Most items that waited in front of the node at once. */
  readonly maxQueueDepth: number;
}

/** The metrics of a node from its counters and its timing. */
export function nodeMetrics(
  nodeId: string,
  counters: {
    readonly itemsIn?: number;
    readonly itemsOut: number;
    readonly errors: number;
    readonly maxQueueDepth?: number;
  },
  timing: Timing | null = null,
): NodeMetrics {
  const measured = timing?.measured ?? 0;
  const totalDurationUs = timing?.totalUs ?? 0;
  return {
    nodeId,
    itemsIn: counters.itemsIn ?? 0,
    itemsOut: counters.itemsOut,
    errors: counters.errors,
    measured,
    totalDurationUs,
    avgDurationUs: measured === 0 ? 0 : totalDurationUs / measured,
    p50DurationUs: timing?.percentileUs(50) ?? 0,
    p95DurationUs: timing?.percentileUs(95) ?? 0,
    p99DurationUs: timing?.percentileUs(99) ?? 0,
    maxDurationUs: timing?.maxUs ?? 0,
    maxQueueDepth: counters.maxQueueDepth ?? 0,
  };
}
