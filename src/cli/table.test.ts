import { describe, expect, it } from 'vitest';
import { formatMetrics, formatTable } from './table.js';

describe('formatTable', () => {
  it('aligns the first column to the left and the others to the right', () => {
    expect(
      formatTable([
        ['node', 'in'],
        ['a', '1,000'],
        ['longer', '5'],
      ]),
    ).toBe('node       in\na       1,000\nlonger      5\n');
  });
});

describe('formatMetrics', () => {
  it('chooses units, and leaves out what was not measured', () => {
    const node = {
      itemsIn: 1234,
      itemsOut: 2,
      errors: 0,
      measured: 10,
      totalDurationUs: 0,
      avgDurationUs: 0.123,
      p50DurationUs: 12.3,
      p95DurationUs: 1234,
      p99DurationUs: 1_234_000,
      maxDurationUs: 0,
      maxQueueDepth: 7,
      itemsDropped: 3,
    };
    const text = formatMetrics({
      totalDurationUs: 2500,
      nodeMetrics: [
        { ...node, nodeId: 'a' },
        { ...node, nodeId: 'b', measured: 0 },
      ],
    });
    expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['node', 'in', 'out', 'errors', 'dropped', 'mean', 'p50', 'p95', 'p99', 'queue'],
      ['a', '1,234', '2', '0', '3', '0.12 µs', '12.3 µs', '1.23 ms', '1.23 s', '7'],
      ['b', '1,234', '2', '0', '3', '-', '-', '-', '-', '7'],
      ['total 2.50 ms'],
      [''],
    ]);
  });
});
