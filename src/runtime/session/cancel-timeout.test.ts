import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { gate, noted, REASON, start, turn } from '../../../test/fixtures/cancelled-runs.js';
import { Node, SourceNode, type AnyNode } from '../../node/index.js';
import { Pipeline } from '../index.js';

describe('a node that does not return after a cancel', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const never = (): Promise<never> => new Promise(() => undefined);

  test.each<[string, Partial<AnyNode>, boolean]>([
    ['process', { process: never }, false],
    [
      'process, a generator',
      {
        async *process() {
          await never();
          yield 1;
        },
      },
      false,
    ],
    ['flush', { flush: never }, false],
    [
      'stream',
      {
        async *stream() {
          await never();
          yield 1;
        },
      },
      false,
    ],
    ['initialize', { initialize: never }, false],
    ['cleanup', { cleanup: never }, true],
  ])('is named after 5 s, and the others are cleaned up (%s)', async (what, methods, isCleaned) => {
    const log: string[] = [];
    const stuck = noted('stuck', log, methods);
    if (methods.stream !== undefined) delete stuck.process;
    const { run, abort } = start([noted('before', log), stuck, noted('after', log)]);
    for (let count = 0; count < 5; count++) await turn();
    abort();
    let isOver = false;
    run.catch(() => undefined).finally(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(4999);
    await turn();
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await expect(run).rejects.toMatchObject({
      code: 'RM_CANCEL_TIMEOUT',
      nodeId: 'stuck_1',
      cause: REASON,
      message: expect.stringMatching(/^After the cancel, node "stuck_1".* did not return within 5 s\./),
    });
    expect(log).toContain('before.cleanup');
    expect(log.includes('stuck.cleanup')).toBe(isCleaned);
    if (what !== 'initialize') expect(log).toContain('after.cleanup');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is named where it is a source that does not open', async () => {
    class Closed extends SourceNode<number> {
      source(): Promise<never> {
        return never();
      }
    }
    const controller = new AbortController();
    const run = new Pipeline([new Closed()]).run(undefined, controller);
    run.catch(() => undefined);
    await turn();
    controller.abort(REASON);
    await vi.advanceTimersByTimeAsync(5000);
    await expect(run).rejects.toMatchObject({ code: 'RM_CANCEL_TIMEOUT', nodeId: 'Closed_0' });
  });

  test('each of several has its time', async () => {
    const log: string[] = [];
    const { run, abort } = start([
      noted('a', log),
      noted('b', log, { cleanup: never }),
      noted('c', log, { cleanup: never }),
    ]);
    for (let count = 0; count < 5; count++) await turn();
    abort();
    await vi.advanceTimersByTimeAsync(10_000);
    await expect(run).rejects.toThrow('node "c_2" (in cleanup), "b_1" (in cleanup) did not return');
    expect(log.slice(-3)).toEqual(['c.cleanup', 'b.cleanup', 'a.cleanup']);
  });

  test('is cleaned up where its initialize returns after all, and nothing after it is initialized', async () => {
    const log: string[] = [];
    const loading = gate();
    const { run, abort } = start([
      noted('late', log, { initialize: () => loading.promise }),
      noted('next', log),
    ]);
    for (let count = 0; count < 5; count++) await turn();
    abort();
    await vi.advanceTimersByTimeAsync(5000);
    await expect(run).rejects.toMatchObject({ code: 'RM_CANCEL_TIMEOUT', nodeId: 'late_0' });
    loading.open();
    await turn();
    expect(log).toEqual(['late.initialize', 'late.cleanup']);
  });

  test('keeps a stream from ending quietly when it is left', async () => {
    class Stuck extends Node<number, number> {
      async process(value: number): Promise<number> {
        if (value > 1) await never();
        return value;
      }
    }
    const stream = new Pipeline([new Stuck()]).stream([1, 2]);
    await stream.next();
    const leaving = stream.return();
    leaving.catch(() => undefined);
    await turn();
    await vi.advanceTimersByTimeAsync(5000);
    await expect(leaving).rejects.toMatchObject({ code: 'RM_CANCEL_TIMEOUT', nodeId: 'Stuck_0' });
  });
});
