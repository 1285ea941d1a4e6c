import type { Timing } from './timing.js';

/** What is known of one node after, or during, a run. Counts are exact; durations come from a sample, and are 0 where it is empty. */
export interface NodeMetrics {
  /** Id of the node in the run, as in plans and errors. */
  readonly nodeId: string;
  /** Items that the node has taken; 0 for a source node. */
  readonly itemsIn: number;
  /** Outputs that it has given, those of `flush` included; an output for several nodes counts once. */
  readonly itemsOut: number;
  /** Failures of its own code while items ran through; the first one ends the run. */
  readonly errors: number;
  /** Items that were dropped because of the limits of its queue. */
  readonly itemsDropped: number;
  /** How many calls of `process` were measured: the first 1,000, then every 64th. */
  readonly measured: number;
  /** Sum of the measured durations, in µs. */
  readonly totalDurationUs: number;
  /** Mean of the measured durations, in µs. */
  readonly avgDurationUs: number;
  /** Median of the measured durations, in µs. */
  readonly p50DurationUs: number;
  /** 95 % of the measured durations were at most this long, in µs. */
  readonly p95DurationUs: number;
  /** 99 % of the measured durations were at most this long, in µs. */
  readonly p99DurationUs: number;
  /** Longest of the measured durations, in µs. */
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
    readonly dropped?: number;
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
    itemsDropped: counters.dropped ?? 0,
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
