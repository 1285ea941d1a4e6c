import { describe, expect, test } from 'vitest';
import { gate, noted, REASON, start, turn } from '../../../test/fixtures/cancelled-runs.js';
import { SourceNode, type AnyNode, type NodeContext } from '../../node/index.js';
import { executePipelineWithInput, Pipeline } from '../index.js';

describe('a cancel', () => {
  test('before the start runs nothing', async () => {
    const log: string[] = [];
    const { run, abort } = start([noted('a', log)]);
    abort();
    await expect(run).rejects.toBe(REASON);
    const signal = AbortSignal.abort(REASON);
    await expect(new Pipeline([noted('a', log)]).run(1, { signal })).rejects.toBe(REASON);
    await expect(new Pipeline([noted('a', log)]).stream([1], { signal }).next()).rejects.toBe(REASON);
    expect(log).toEqual([]);
  });

  test('without a reason has the one that the signal makes', async () => {
    const controller = new AbortController();
    const node = noted('a', [], { process: () => controller.abort() });
    const error: unknown = await executePipelineWithInput([node], [1, 2], controller).catch(
      (e: unknown) => e,
    );
    expect(error).toBe(controller.signal.reason);
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  test.each<[string, () => unknown]>([
    ['a sync', () => undefined],
    ['an async', turn],
  ])('from inside %s initialize lets it end, and initializes no further', async (_, wait) => {
    const log: string[] = [];
    const { run, abort } = start([
      noted('a', log),
      noted('b', log, {
        initialize: () => {
          abort();
          return wait();
        },
      }),
      noted('c', log),
    ]);
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['a.initialize', 'b.initialize', 'b.cleanup', 'a.cleanup']);
  });

  test('from inside the last initialize processes nothing', async () => {
    const log: string[] = [];
    const { run, abort } = start([
      noted('a', log, { initialize: () => abort(), process: () => log.push('a.process') }),
    ]);
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['a.initialize', 'a.cleanup']);
  });

  test('from inside a sync process lets it end, and skips what is left, and flush', async () => {
    const log: string[] = [];
    const { run, abort } = start([
      noted('a', log, {
        process: (value) => {
          if (value === 2) abort();
          log.push(`process ${String(value)}`);
          return value as unknown;
        },
      }),
      noted('b', log),
    ]);
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['a.initialize', 'b.initialize', 'process 1', 'process 2', 'b.cleanup', 'a.cleanup']);
  });

  test('during an async process that listens to it', async () => {
    const log: string[] = [];
    const entered = gate();
    const { run, abort } = start([
      noted('a', log, {
        process: (_, { signal }) => {
          entered.open();
          return new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
        },
      }),
    ]);
    await entered.promise;
    abort();
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['a.initialize', 'a.cleanup']);
  });

  test('during an async process that does not waits for it before cleanup', async () => {
    const log: string[] = [];
    const [entered, leaving] = [gate(), gate()];
    const { run, abort } = start([
      noted('a', log, {
        process: async () => {
          entered.open();
          await leaving.promise;
          log.push('left');
        },
      }),
    ]);
    await entered.promise;
    abort();
    await turn();
    leaving.open();
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['a.initialize', 'left', 'a.cleanup']);
  });

  test('during flush waits for it', async () => {
    const log: string[] = [];
    const [entered, leaving] = [gate(), gate()];
    const { run, abort } = start([
      noted('a', log, {
        flush: async () => {
          entered.open();
          await leaving.promise;
          log.push('flushed');
          return 5;
        },
      }),
      noted('b', log, { process: (value) => log.push(`b ${String(value)}`) }),
    ]);
    await entered.promise;
    abort();
    await turn();
    leaving.open();
    await expect(run).rejects.toBe(REASON);
    expect(log.slice(-3)).toEqual(['flushed', 'b.cleanup', 'a.cleanup']);
  });

  test('closes generators before cleanup', async () => {
    const log: string[] = [];
    const entered = gate();
    const generator = noted('sync', log, {
      *process() {
        try {
          for (;;) yield 1;
        } finally {
          log.push('sync closed');
        }
      },
    });
    const asyncGenerator = noted('async', log, {
      async *process() {
        try {
          for (let count = 0; ; count++) {
            await turn();
            if (count === 50) entered.open();
            yield 1;
          }
        } finally {
          log.push('async closed');
        }
      },
    });
    const { run, abort } = start([generator, asyncGenerator]);
    await entered.promise;
    abort();
    await expect(run).rejects.toBe(REASON);
    expect(log).toHaveLength(6);
    expect(log.slice(2, 4)).toEqual(expect.arrayContaining(['sync closed', 'async closed']));
    expect(log.slice(4)).toEqual(['async.cleanup', 'sync.cleanup']);
  });

  test('closes an async source that listens to it before cleanup', async () => {
    const log: string[] = [];
    const entered = gate();
    class Listening extends SourceNode<number> {
      async *source({ signal }: NodeContext): AsyncGenerator<number> {
        try {
          entered.open();
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
          yield 1;
        } finally {
          await turn();
          log.push('closed');
        }
      }

      override cleanup(): void {
        log.push('cleanup');
      }
    }
    const controller = new AbortController();
    const run = new Pipeline([new Listening()]).run(undefined, controller);
    await entered.promise;
    controller.abort(REASON);
    await expect(run).rejects.toBe(REASON);
    expect(log).toEqual(['closed', 'cleanup']);
  });

  test('does not wait for an input that gives nothing any more', async () => {
    const entered = gate();
    async function* input(): AsyncGenerator<number> {
      entered.open();
      await new Promise(() => undefined);
      yield 1;
    }
    const { run, abort } = start([noted('a', [])], input());
    await entered.promise;
    abort();
    await expect(run).rejects.toBe(REASON);
  });

  test('does not wait for another run that holds a shared node', async () => {
    const [entered, leaving] = [gate(), gate()];
    const shared = noted('shared', [], {
      process: async (value) => {
        entered.open();
        await leaving.promise;
        return value as unknown;
      },
    });
    const first = executePipelineWithInput([shared], [1]);
    await entered.promise;
    const { run, abort } = start([shared], [2]);
    for (let count = 0; count < 5; count++) await turn();
    abort();
    await expect(run).rejects.toBe(REASON);
    leaving.open();
    expect(await first).toEqual([1]);
  });

  test('reaches a loop of sync items', async () => {
    let calls = 0;
    function* input(): Generator<number> {
      for (let value = 0; value < 1e8; value++) yield value;
    }
    const { run, abort } = start([noted('a', [], { process: () => calls++ })], input());
    setTimeout(abort, 5);
    await expect(run).rejects.toBe(REASON);
    expect(calls).toBeGreaterThan(0);
    expect(calls).toBeLessThan(1e8);
  });

  test.each<[string, Partial<AnyNode>]>([
    [
      'in a generator',
      {
        *process() {
          for (;;) yield 1;
        },
      },
    ],
    [
      'in flush',
      {
        *flush() {
          for (;;) yield 1;
        },
      },
    ],
    ['behind an async node', { process: (value) => Promise.resolve(value) }],
    [
      'in a stream',
      {
        async *stream() {
          for (;;) yield 1;
        },
      },
    ],
  ])('reaches an endless loop %s', async (what, methods) => {
    function* input(): Generator<number> {
      for (let value = 0; value < (what === 'in flush' ? 1 : 1e8); value++) yield value;
    }
    const drop = noted('drop', [], { process: () => undefined });
    const { run, abort } = start([noted('a', [], methods), drop], input());
    setTimeout(abort, 5);
    await expect(run).rejects.toBe(REASON);
  });

  test('reaches slow sync items after few of them', async () => {
    let calls = 0;
    const slow = noted('slow', [], {
      process: () => {
        calls++;
        const end = performance.now() + 20;
        while (performance.now() < end);
      },
    });
    for (const nodes of [
      [slow],
      [noted('async', [], { process: (value) => Promise.resolve(value) }), slow],
    ]) {
      calls = 0;
      const { run, abort } = start(
        nodes,
        Array.from({ length: 1000 }, (_, index) => index),
      );
      setTimeout(abort, 10);
      await expect(run).rejects.toBe(REASON);
      expect(calls).toBeLessThan(6);
    }
  });

  test('that comes during cleanup lets it end', async () => {
    const log: string[] = [];
    const { run, abort } = start([
      noted('a', log),
      noted('b', log, {
        cleanup: async () => {
          abort();
          await turn();
          log.push('b cleaned');
        },
      }),
    ]);
    await expect(run).rejects.toBe(REASON);
    expect(log.slice(-3)).toEqual(['b.cleanup', 'b cleaned', 'a.cleanup']);
  });

  test('that comes after the end changes nothing', async () => {
    const controller = new AbortController();
    const run = new Pipeline([noted('a', [])]).run([1], controller);
    expect(await run).toBe(1);
    controller.abort(REASON);
    expect(await run).toBe(1);
  });

  test('hides neither behind an error that comes of it, nor behind one of cleanup', async () => {
    const entered = gate();
    const fail = (): never => {
      throw new Error('no');
    };
    const { run, abort } = start([
      noted('a', [], {
        process: async (_, { signal }) => {
          entered.open();
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          fail();
        },
        cleanup: fail,
      }),
    ]);
    await entered.promise;
    abort();
    await expect(run).rejects.toBe(REASON);
  });
});
