import { describe, expect, test } from 'vitest';
import { type AnyNode } from '../node/index.js';
import { executePipelineWithInput, Pipeline } from './index.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A node that knows how often it is inside `process` at once. */
function watched(kind: 'async' | 'generator' | 'asyncGenerator' | 'flush', concurrency?: number) {
  const seen = { most: 0, initialized: 0, cleaned: 0 };
  let inside = 0;
  const enter = (): void => {
    seen.most = Math.max(seen.most, ++inside);
  };
  const methods = {
    async: async (value: number) => {
      enter();
      await turn();
      inside--;
      return value;
    },
    *generator(value: number) {
      enter();
      for (let count = 0; count < 20; count++) yield value;
      inside--;
    },
    async *asyncGenerator(value: number) {
      enter();
      for (let count = 0; count < 20; count++) {
        await turn();
        yield value;
      }
      inside--;
    },
    flush: (value: number) => value,
  };
  const node: AnyNode = {
    concurrency,
    initialize: () => seen.initialized++,
    process: methods[kind],
    cleanup: () => seen.cleaned++,
  };
  if (kind === 'flush') node.flush = () => methods.async(-1);
  return { node, seen };
}

/** Drops all it gets; `seed` makes it block now and then for as long as a sync loop may go on at the most. */
const drop = (seed?: number): AnyNode => {
  let calls = 0;
  return {
    initialize: () => undefined,
    process: () => {
      calls++;
      const isSlow = seed !== undefined && (calls * 7919 + seed * 104_729) % 4001 === 0;
      for (const end = Date.now() + (isSlow ? 11 : 0); Date.now() < end;);
    },
  };
};

const slow = (): AnyNode => ({
  initialize: () => undefined,
  process: async (value: number) => {
    await turn();
    return value;
  },
});

describe('two runs that share an instance', () => {
  test.each(['async', 'generator', 'asyncGenerator', 'flush'] as const)(
    'are never inside it twice at once (%s)',
    async (kind) => {
      const { node, seen } = watched(kind);
      const runs = Array.from({ length: 4 }, (_, run) =>
        executePipelineWithInput([slow(), node, slow()], [10 * run, 10 * run + 1, 10 * run + 2]),
      );
      const results = (await Promise.all(runs)) as number[][];
      for (const [run, outputs] of results.entries()) {
        const own = outputs.filter((value) => value >= 0);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
        expect(new Set(own)).toEqual(new Set([10 * run, 10 * run + 1, 10 * run + 2]));
      }
      expect(seen).toEqual({ most: 1, initialized: 1, cleaned: 1 });
    },
  );

  test('may be inside it at once where it allows several', async () => {
    const { node, seen } = watched('async', 4);
    await Promise.all([1, 2].map((run) => executePipelineWithInput([node], [run, run, run, run])));
    expect(seen.most).toBeGreaterThan(4);
    expect(seen).toMatchObject({ initialized: 1, cleaned: 1 });
  });

  test('clean up when the last one ends, also where one fails', async () => {
    const { node, seen } = watched('async');
    const fail: AnyNode = {
      initialize: () => undefined,
      process: () => {
        throw new Error('no');
      },
    };
    const failing = executePipelineWithInput([node, fail], [1]);
    const fine = executePipelineWithInput([node, slow()], [1, 2, 3]);
    await expect(failing).rejects.toThrow('no');
    expect(seen.cleaned).toBe(0);
    expect(await fine).toEqual([1, 2, 3]);
    expect(seen).toEqual({ most: 1, initialized: 1, cleaned: 1 });
  });

  test('neither initialize nor clean up what the user has initialized by a method of the base class', async () => {
    const { Node } = await import('../node/index.js');
    const log: string[] = [];
    class Mine extends Node<number, number> {
      override initialize(): void {
        log.push('initialize');
      }
      process(value: number): number {
        return value;
      }
      override cleanup(): void {
        log.push('cleanup');
      }
    }
    const node = new Mine();
    node.initialize();
    await Promise.all([new Pipeline([node]).run(1), new Pipeline([node]).run(2)]);
    expect(log).toEqual(['initialize']);
    node.cleanup();
    await new Pipeline([node]).run(1);
    expect(log).toEqual(['initialize', 'cleanup', 'initialize', 'cleanup']);
  });
});

describe('runs that share several instances in different orders', () => {
  test.each(['generator', 'asyncGenerator'] as const)('do not wait for each other (%s)', async (kind) => {
    const [a, b, c] = [watched(kind), watched(kind), watched(kind)];
    const orders = [
      [a.node, b.node, c.node],
      [b.node, c.node, a.node],
      [c.node, slow(), b.node, a.node],
    ];
    const runs = orders.map((nodes) => executePipelineWithInput([slow(), ...nodes, drop()], [1, 2]));
    expect(await Promise.all(runs)).toEqual([[], [], []]);
    for (const { seen } of [a, b, c]) expect(seen).toEqual({ most: 1, initialized: 1, cleaned: 1 });
  });
});

describe('runs whose steps are slow', () => {
  test('do not wait for each other, wherever they give the event loop a turn', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b, c] = [watched('generator'), watched('generator'), watched('generator')];
      const orders = [
        [a.node, b.node, c.node],
        [b.node, c.node, a.node],
        [c.node, slow(), b.node, a.node],
      ];
      const runs = orders.map((nodes) => executePipelineWithInput([slow(), ...nodes, drop(round)], [1, 2]));
      expect(await Promise.all(runs)).toEqual([[], [], []]);
    }
  });
});

describe('one object at two places of a run', () => {
  test.each(['generator', 'asyncGenerator'] as const)('does not wait for itself (%s)', async (kind) => {
    const { node, seen } = watched(kind);
    const outputs = await executePipelineWithInput([node, slow(), node], [1, 2]);
    expect(outputs).toHaveLength(2 * 20 * 20);
    expect(seen).toMatchObject({ initialized: 1, cleaned: 1 });
  });

  test('does not wait for itself while other runs wait for it', async () => {
    const { node } = watched('generator');
    const nodes = [node, slow(), node];
    const runs = [1, 2, 3].map((value) => executePipelineWithInput(nodes, [value, value]));
    for (const outputs of await Promise.all(runs)) expect(outputs).toHaveLength(2 * 20 * 20);
  });

  test('in two branches', async () => {
    const { node, seen } = watched('async');
    const pipeline = new Pipeline()
      .add(slow(), { id: 'head' })
      .add(node, { id: 'left' })
      .add(node, { id: 'right' })
      .connect('head', 'left')
      .connect('head', 'right');
    expect(await pipeline.run([1, 2, 3])).toHaveLength(6);
    expect(seen).toMatchObject({ initialized: 1, cleaned: 1 });
  });
});
