import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SourceNode, StreamingNode, type AnyNode } from '../node/index.js';
import type { NodeMetrics } from '../segment/index.js';
import { executePipeline, executePipelineWithInput, Pipeline } from './index.js';

function nodeOf(process: (value: number) => unknown, more: Partial<AnyNode> = {}): AnyNode {
  return { initialize: () => undefined, process, ...more };
}

async function metricsOf(
  nodes: readonly AnyNode[],
  input: Iterable<unknown>,
): Promise<readonly NodeMetrics[]> {
  const { metrics } = await executePipelineWithInput(nodes, input, { enableMetrics: true });
  return metrics.nodeMetrics;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Keeps the processor busy. */
function work(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

/** The first 1,000 and then every 64th. */
const measuredOf = (count: number): number =>
  numbers(count).filter((index) => index < 1000 || index % 64 === 0).length;

describe('counts are exact, and a part is measured', () => {
  test.each<[string, (value: number) => unknown, number]>([
    ['sync', (value) => value, 1],
    ['async', (value) => Promise.resolve(value), 1],
    [
      'a generator',
      function* (value) {
        yield value;
        yield value;
      },
      2,
    ],
    [
      'an async generator',
      async function* (value) {
        yield value;
        yield value;
        yield undefined;
      },
      2,
    ],
    ['dropping', (value) => (value % 2 === 0 ? value : undefined), 0.5],
  ])('%s, 10,000 items', async (_, process, factor) => {
    const count = 10_000;
    const [first, second] = await metricsOf([nodeOf(process), nodeOf((value) => value)], numbers(count));
    expect(first).toMatchObject({
      itemsIn: count,
      itemsOut: count * factor,
      errors: 0,
      measured: measuredOf(count),
    });
    expect(second).toMatchObject({ itemsIn: count * factor, itemsOut: count * factor });
    expect(first?.totalDurationUs).toBeGreaterThan(0);
  });

  test('of streams and sources', async () => {
    class Numbers extends SourceNode<number> {
      *source() {
        yield* [1, 2, undefined, 3];
      }
    }
    class Firsts extends StreamingNode<number, number> {
      async *stream(input: AsyncIterable<number>) {
        for await (const value of input) if (value > 1) yield value;
      }
    }
    const { metrics } = await executePipeline([new Numbers(), new Firsts()], { enableMetrics: true });
    expect(metrics.nodeMetrics).toMatchObject([
      { nodeId: 'Numbers_0', itemsIn: 0, itemsOut: 3, measured: 0, avgDurationUs: 0 },
      { nodeId: 'Firsts_1', itemsIn: 3, itemsOut: 2 },
    ]);
  });

  test('of a stream that leaves its input: only what it has read', async () => {
    class Two extends StreamingNode<number, number> {
      async *stream(input: AsyncIterable<number>) {
        let left = 2;
        for await (const value of input) {
          yield value;
          if (--left === 0) return;
        }
      }
    }
    const [metrics] = await metricsOf([new Two()], numbers(100));
    expect(metrics).toMatchObject({ itemsIn: 2, itemsOut: 2 });
  });

  test('of branches, in the order of the pipeline', async () => {
    const [a, b, c] = [nodeOf((value) => value), nodeOf(() => undefined), nodeOf(Number)];
    const pipeline = new Pipeline('p')
      .add(a, { id: 'a' })
      .add(b, { id: 'b' })
      .add(c, { id: 'c' })
      .connect('a', 'b')
      .connect('a', 'c');
    const { metrics } = await pipeline.run([1, 2, 3], { enableMetrics: true });
    expect(metrics.nodeMetrics).toMatchObject([
      { nodeId: 'a', itemsIn: 3, itemsOut: 3 },
      { nodeId: 'b', itemsIn: 3, itemsOut: 0 },
      { nodeId: 'c', itemsIn: 3, itemsOut: 3 },
    ]);
  });

  test('of a run that failed', async () => {
    const failing = nodeOf((value) => {
      if (value === 5) throw new Error('five');
      return value;
    });
    const stream = new Pipeline([failing]).stream(numbers(10), { enableMetrics: true });
    const reading = (async () => {
      for await (const output of stream) expect(output).toBeLessThan(5);
    })();
    await expect(reading).rejects.toThrow('five');
    expect(stream.metrics().nodeMetrics).toMatchObject([{ itemsIn: 6, itemsOut: 5, errors: 1, measured: 6 }]);
  });
});

describe('durations', () => {
  test.each<[string, (value: number) => unknown]>([
    ['a sync process', () => work(5)],
    ['an async process', () => sleep(6)],
    [
      'all of a generator',
      function* () {
        work(2);
        yield 1;
        work(3);
      },
    ],
    [
      'all of an async generator',
      async function* () {
        await sleep(3);
        yield 1;
        await sleep(4);
      },
    ],
    [
      'all of a promised generator',
      async () => {
        await sleep(3);
        return (function* () {
          work(3);
          yield 1;
        })();
      },
    ],
  ])('are those of %s, without what is behind it', async (_, process) => {
    const behind = nodeOf(() => work(30));
    const startedAt = performance.now();
    const [metrics, ofBehind] = await metricsOf([nodeOf(process), behind], numbers(3));
    const elapsedUs = (performance.now() - startedAt) * 1000;
    expect(metrics?.measured).toBe(3);
    expect(metrics?.p50DurationUs).toBeGreaterThan(4500);
    expect(metrics?.totalDurationUs).toBeCloseTo(3 * (metrics?.avgDurationUs ?? 0), 0);
    expect(metrics?.maxDurationUs).toBeGreaterThanOrEqual(metrics?.p99DurationUs ?? Infinity);
    // While one sleeps the other may work; else what both took is no more than the whole.
    if (!process.toString().includes('sleep'))
      expect((metrics?.totalDurationUs ?? 0) + (ofBehind?.totalDurationUs ?? 0)).toBeLessThan(elapsedUs);
  });

  test('of a generator that fails, or is closed early, count as well', async () => {
    const closing = nodeOf(function* () {
      work(3);
      yield 1;
      throw new Error('in the middle');
    });
    const stream = new Pipeline([closing]).stream([1], { enableMetrics: true });
    await stream.next();
    await expect(stream.next()).rejects.toThrow('in the middle');
    expect(stream.metrics().nodeMetrics).toMatchObject([{ measured: 1, errors: 1 }]);
  });

  test('are not measured where nobody asks', async () => {
    const stream = new Pipeline([nodeOf(() => 1)]).stream([1]);
    for await (const output of stream) expect(output).toBe(1);
    expect(stream.metrics().nodeMetrics).toMatchObject([{ itemsIn: 1, measured: 0 }]);
  });

  test('the longest queue in front of a slow async node is told', async () => {
    const slow = nodeOf(() => new Promise((resolve) => setImmediate(resolve)));
    const [metrics] = await metricsOf([slow], numbers(100));
    expect(metrics?.maxQueueDepth).toBe(16);
  });

  test('the run itself is measured', async () => {
    const startedAt = performance.now();
    const { metrics } = await executePipelineWithInput([nodeOf(() => work(5))], [1], { enableMetrics: true });
    expect(metrics.totalDurationUs).toBeGreaterThan(5000);
    expect(metrics.totalDurationUs).toBeLessThan((performance.now() - startedAt) * 1000);
  });
});
