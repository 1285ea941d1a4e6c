import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { Node, perSession, SourceNode, StreamingNode, type NodeContext } from '../node/index.js';
import { Pipeline } from '../runtime/index.js';
import { every, runScript, type ScriptStep } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-testing-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Gives an item once nothing has come for a while. */
class Debounce extends StreamingNode<string, string> {
  async *stream(input: AsyncIterable<string>): AsyncGenerator<string> {
    const items = input[Symbol.asyncIterator]();
    let last: string | undefined;
    let next = items.next();
    for (;;) {
      const first = await Promise.race([next, sleep(50, 'quiet' as const)]);
      if (first === 'quiet') {
        if (last !== undefined) yield last;
        last = undefined;
      } else if (first.done === true) {
        if (last !== undefined) yield last;
        return;
      } else {
        last = first.value;
        next = items.next();
      }
    }
  }
}

class Slow extends Node<string, string> {
  async process(text: string, { signal }: NodeContext): Promise<string> {
    await sleep(30, undefined, { signal });
    return text.toUpperCase();
  }
}

class Clocks extends Node<unknown, number[]> {
  #startedAt = 0;
  #date = 0;
  override initialize(): void {
    this.#startedAt = performance.now();
    this.#date = Date.now();
  }
  process(): number[] {
    return [performance.now() - this.#startedAt, Date.now() - this.#date];
  }
}

describe('runScript', () => {
  it('gives outputs with the times at which they come', async () => {
    const { outputs, endedAtMs } = await runScript(new Debounce(), [
      { atMs: 0, write: 'h' },
      { atMs: 20, write: 'hi' },
      { atMs: 200, write: 'there' },
      { atMs: 220, end: true },
    ]);
    expect(outputs).toEqual([
      { atMs: 70, value: 'hi' },
      { atMs: 220, value: 'there' },
    ]);
    expect(endedAtMs).toBe(220);
  });

  it('works off what was written faster than it is processed, at the times of the node', async () => {
    const { outputs } = await runScript(new Slow(), every(0, 'abcdefgh'.repeat(20)));
    expect(outputs).toHaveLength(160);
    expect(outputs[0]).toEqual({ atMs: 30, value: 'A' });
    expect(outputs.at(-1)).toEqual({ atMs: 160 * 30, value: 'H' });
  });

  it('interrupts at its time', async () => {
    const { outputs } = await runScript(new Slow(), [
      ...every(0, ['a', 'b', 'c']),
      { atMs: 40, interrupt: true },
      { atMs: 40, write: 'now' },
    ]);
    expect(outputs).toEqual([
      { atMs: 30, value: 'A' },
      { atMs: 70, value: 'NOW' },
    ]);
  });

  it('shows an hour to nodes that look at clocks', async () => {
    const { values } = await runScript(new Clocks(), every(3_600_000, [1, 2]));
    expect(values).toEqual([
      [0, 0],
      [3_600_000, 3_600_000],
    ]);
  });

  it('orders steps by time, and keeps the order of those of one time', async () => {
    class Same extends Node<string, string> {
      process(text: string): string {
        return text;
      }
    }
    const { values } = await runScript(new Same(), [
      { atMs: 5, write: 'late' },
      { atMs: 0, write: 'a' },
      { atMs: 0, write: 'b' },
    ]);
    expect(values).toEqual(['a', 'b', 'late']);
  });

  it('lets no time pass while a file is read', async () => {
    const path = join(folder, 'model.txt');
    writeFileSync(path, 'weights');
    class Reader extends Node<string, string> {
      async process(text: string): Promise<string> {
        return text + (await readFile(path, 'utf8'));
      }
    }
    const { outputs } = await runScript(new Reader(), [
      { atMs: 0, write: 'a ' },
      { atMs: 1, end: true },
    ]);
    expect(outputs).toEqual([{ atMs: 0, value: 'a weights' }]);
  });

  it('begins when the session is open', async () => {
    class Model extends Node<string, string> {
      override initialize(): Promise<void> {
        return sleep(5_000);
      }
      process(text: string): string {
        return text;
      }
    }
    const { outputs } = await runScript(new Model(), [{ atMs: 10, write: 'a' }]);
    expect(outputs).toEqual([{ atMs: 10, value: 'a' }]);
  });

  it('cancels an endless source', async () => {
    class Ticks extends SourceNode<number> {
      async *source(): AsyncGenerator<number> {
        for (let tick = 0; ; tick++) {
          yield tick;
          await sleep(100);
        }
      }
    }
    const { outputs } = await runScript(new Ticks(), [{ atMs: 250, cancel: true }]);
    expect(outputs).toEqual([0, 1, 2].map((value) => ({ atMs: value * 100, value })));
  });

  it('ends AbortSignal.timeout by the virtual clock', async () => {
    class Patient extends Node<string, string> {
      async process(): Promise<string> {
        const signal = AbortSignal.timeout(70);
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        return (signal.reason as Error).name;
      }
    }
    const { outputs } = await runScript(new Patient(), [{ atMs: 0, write: 'a' }]);
    expect(outputs).toEqual([{ atMs: 70, value: 'TimeoutError' }]);
  });

  it('throws what fails, or gives it with the outputs before it', async () => {
    class Picky extends Node<number, number> {
      process(value: number): number {
        if (value === 2) throw new RangeError('two');
        return value;
      }
    }
    const script = every(10, [1, 2, 3]);
    await expect(runScript(new Picky(), script)).rejects.toMatchObject({ nodeId: 'Picky_0', itemIndex: 1 });
    const { outputs, failure, endedAtMs } = await runScript(new Picky(), script, { returnFailure: true });
    expect(outputs).toEqual([{ atMs: 0, value: 1 }]);
    expect(failure).toMatchObject({ nodeId: 'Picky_0', cause: expect.any(RangeError) });
    expect(endedAtMs).toBe(10);
  });

  it('runs pipelines, with nodes of the session', async () => {
    const pipeline = Pipeline.from(new Slow()).pipe(perSession(() => new Debounce()));
    const { outputs } = await runScript(pipeline, [...every(5, ['a', 'b']), { atMs: 500, end: true }]);
    expect(outputs).toEqual([{ atMs: 110, value: 'B' }]);
  });

  it('says so where nothing happens any more', async () => {
    class Waits extends Node<string, string> {
      process(): Promise<string> {
        return new Promise(() => undefined);
      }
    }
    await expect(runScript(new Waits(), [{ atMs: 0, write: 'a' }])).rejects.toMatchObject({
      code: 'RM_SCRIPT_FAILED',
      message: expect.stringContaining('no timer is left'),
    });
    expect(vi.isFakeTimers()).toBe(false);
    expect('clock' in Date).toBe(false);
  });

  it('says so where it does not end', async () => {
    class Ticks extends SourceNode<number> {
      async *source(): AsyncGenerator<number> {
        for (;;) {
          await sleep(100);
          yield 1;
        }
      }
    }
    await expect(runScript(new Ticks(), [], { limitMs: 1_000 })).rejects.toMatchObject({
      code: 'RM_SCRIPT_FAILED',
      message: expect.stringContaining('1000 ms'),
    });
  });

  it('is cancelled by the signal it is given', async () => {
    const controller = new AbortController();
    class Aborts extends Node<string, string> {
      process(text: string): string {
        if (text === 'stop') controller.abort(new Error('enough'));
        return text;
      }
    }
    const script = every(10, ['a', 'stop', 'b']);
    const { values, failure } = await runScript(new Aborts(), script, {
      signal: controller.signal,
      returnFailure: true,
    });
    expect(values[0]).toBe('a');
    expect(values).not.toContain('b');
    expect(failure).toBe(controller.signal.reason);
  });

  it('refuses nodes of other processes, but for the real clock', async () => {
    const node = new Slow({ executor: 'worker' });
    await expect(runScript(node, [{ atMs: 0, write: 'a' }])).rejects.toMatchObject({
      code: 'RM_EXECUTOR_UNAVAILABLE',
      message: expect.stringContaining('"Slow_0"'),
    });
    const here = await runScript(new Slow(), [{ atMs: 0, write: 'a' }], { clock: 'real' });
    expect(here.values).toEqual(['A']);
  });

  it.each<[string, unknown]>([
    ['has atMs -1', { atMs: -1, write: 1 }],
    ['has atMs string', { atMs: '1', write: 1 }],
    ['says nothing to do', { atMs: 1 }],
    [
      'has "urgnt", and there are atMs, write, survives, urgent, timestampUs',
      { atMs: 1, write: 1, urgnt: true },
    ],
    ['says write and end', { atMs: 1, write: 1, end: true }],
    ['is number', 3],
  ])('refuses a step that %s', async (problem, step) => {
    const script = [{ atMs: 0, write: 'a' }, step] as ScriptStep<string>[];
    await expect(runScript(new Slow(), script)).rejects.toMatchObject({
      code: 'RM_INVALID_ARGUMENT',
      message: expect.stringContaining(`Step 1 of the script ${problem}`),
    });
  });

  it('refuses to be run twice at once', async () => {
    const first = runScript(new Slow(), [{ atMs: 0, write: 'a' }]);
    await expect(runScript(new Slow(), [{ atMs: 0, write: 'b' }])).rejects.toMatchObject({
      code: 'RM_INVALID_ARGUMENT',
    });
    expect((await first).values).toEqual(['A']);
  });
});
