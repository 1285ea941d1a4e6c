import type { RunMetrics } from '../runtime/index.js';

/** Rows as lines of aligned columns; the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** The metrics of a run as a table. */
export function formatMetrics({ nodeMetrics, totalDurationUs }: RunMetrics): string {
  const header = ['node', 'in', 'out', 'errors', 'dropped', 'mean', 'p50', 'p95', 'p99', 'queue'];
  const rows = nodeMetrics.map((node) => [
    node.nodeId,
    node.itemsIn.toLocaleString('en-US'),
    node.itemsOut.toLocaleString('en-US'),
    node.errors.toLocaleString('en-US'),
    node.itemsDropped.toLocaleString('en-US'),
    ...[node.avgDurationUs, node.p50DurationUs, node.p95DurationUs, node.p99DurationUs].map((us) =>
      node.measured === 0 ? '-' : formatUs(us),
    ),
    node.maxQueueDepth.toLocaleString('en-US'),
  ]);
  return `${formatTable([header, ...rows])}total ${formatUs(totalDurationUs)}\n`;
}

function formatUs(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(2)} s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(2)} ms`;
  return `${us.toFixed(us < 10 ? 2 : 1)} µs`;
}
