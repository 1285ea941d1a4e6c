import type { NodeMetrics } from '../../segment/index.js';
import type { RunMetrics } from '../session/session.js';

/** What several runs, one after the other, measured together. The median and the percentiles of a node are those of the last run that measured it. */
export function sumMetrics(runs: readonly RunMetrics[]): RunMetrics {
  const nodes = new Map<string, NodeMetrics>();
  for (const { nodeMetrics } of runs) {
    for (const record of nodeMetrics) {
      const before = nodes.get(record.nodeId);
      nodes.set(record.nodeId, before === undefined ? record : sum(before, record));
    }
  }
  return {
    totalDurationUs: runs.reduce((total, { totalDurationUs }) => total + totalDurationUs, 0),
    nodeMetrics: [...nodes.values()],
  };
}

function sum(before: NodeMetrics, after: NodeMetrics): NodeMetrics {
  const measured = before.measured + after.measured;
  const totalDurationUs = before.totalDurationUs + after.totalDurationUs;
  const latest = after.measured > 0 ? after : before;
  return {
    ...latest,
    itemsIn: before.itemsIn + after.itemsIn,
    itemsOut: before.itemsOut + after.itemsOut,
    errors: before.errors + after.errors,
    itemsDropped: before.itemsDropped + after.itemsDropped,
    measured,
    totalDurationUs,
    avgDurationUs: measured === 0 ? 0 : totalDurationUs / measured,
    maxDurationUs: Math.max(before.maxDurationUs, after.maxDurationUs),
    maxQueueDepth: Math.max(before.maxQueueDepth, after.maxQueueDepth),
  };
}
