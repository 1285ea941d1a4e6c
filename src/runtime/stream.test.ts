import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SourceNode, StreamingNode, type AnyNode } from '../node/index.js';
import { Pipeline } from './index.js';

/** A node that counts its calls, and notes when it is cleaned up. */
function counting(process: (value: number) => unknown = (value) => value) {
  const node = {
    calls: 0,
    isCleaned: false,
    initialize: () => undefined,
    process: (value: number) => {
      node.calls++;
      return process(value);
    },
    cleanup: () => {
      node.isCleaned = true;
    },
  };
  return node;
}

class Endless extends SourceNode<number> {
  given = 0;
  isClosed = false;

  *source(): Generator<number> {
    try {
      for (;;) yield this.given++;
    } finally {
      this.isClosed = true;
    }
  }
}

async function read(stream: AsyncIterable<unknown>, outputs: unknown[] = []): Promise<unknown[]> {
  for await (const output of stream) outputs.push(output);
  return outputs;
}

describe('a stream', () => {
  test('does nothing before it is read', async () => {
    const node = counting();
    const stream = new Pipeline([node]).stream([1]);
    await stream.return();
    expect(node).toMatchObject({ calls: 0, isCleaned: false });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('gives outputs before the input has ended', async () => {
    const input = new PassThrough({ objectMode: true });
    const stream = new Pipeline([counting((value) => value * 2)]).stream(input);
    for (const value of [1, 2, 3]) {
      const step = stream.next();
      input.write(value);
      expect(await step).toEqual({ done: false, value: value * 2 });
    }
    await stream.return();
    expect(input.destroyed).toBe(true);
  });

  test('goes only so far ahead of its reader', async () => {
    const source = new Endless();
    const stream = new Pipeline([source, counting()]).stream();
    await stream.next();
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(source.given).toBeLessThan(40);
    await stream.return();
    expect(source.isClosed).toBe(true);
  });

  test('answers steps in order that were asked for at once', async () => {
    const stream = new Pipeline([counting((value) => Promise.resolve(value))]).stream([1, 2]);
    const steps = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
    expect(steps.map(({ value, done }) => (done === true ? 'end' : value))).toEqual([1, 2, 'end', 'end']);
  });

  test('gives what came before an error, then the error', async () => {
    const outputs: unknown[] = [];
    const node = counting((value) => {
      if (value === 3) throw new Error('three');
      return value;
    });
    await expect(read(new Pipeline([node]).stream([1, 2, 3, 4]), outputs)).rejects.toThrow('three');
    expect(outputs).toEqual([1, 2]);
    expect(node.isCleaned).toBe(true);
  });

  test('that fails before its first output fails at the first step', async () => {
    await expect(new Pipeline([]).stream([1]).next()).rejects.toThrow(/empty/);
  });

  test.each<[string, (pipeline: Pipeline) => Promise<void>]>([
    [
      'break',
      async (pipeline) => {
        for await (const output of pipeline.stream()) if (output === 5) break;
      },
    ],
    [
      'a throw in the loop',
      async (pipeline) => {
        const loop = async (): Promise<void> => {
          for await (const output of pipeline.stream()) if (output === 5) throw new Error('mine');
        };
        await expect(loop()).rejects.toThrow('mine');
      },
    ],
    [
      'return()',
      async (pipeline) => {
        const stream = pipeline.stream();
        await stream.next();
        expect(await stream.return()).toEqual({ done: true, value: undefined });
        expect(await stream.next()).toEqual({ done: true, value: undefined });
      },
    ],
    [
      'return() while a step is pending',
      async (pipeline) => {
        const stream = pipeline.stream();
        const step = stream.next();
        await stream.return();
        expect((await step).done).toBe(true);
      },
    ],
    [
      'disposal',
      async (pipeline) => {
        const stream = pipeline.stream();
        await stream.next();
        await stream[Symbol.asyncDispose]();
      },
    ],
  ])('is left by %s: what feeds it is closed, all is cleaned up', async (_, leave) => {
    const [source, node] = [new Endless(), counting()];
    await leave(new Pipeline([source, node]));
    // Left before it had begun, it never was open.
    expect(source.isClosed).toBe(source.given > 0);
    expect(node.isCleaned || node.calls === 0).toBe(true);
    const given = source.given;
    await new Promise((resolve) => setImmediate(resolve));
    expect(source.given).toBe(given);
  });

  test('that is left tells nothing of what failed further on', async () => {
    for (const turns of [0, 5]) {
      const node = counting((value) => {
        if (value === 3) throw new Error('three');
        return value;
      });
      const stream = new Pipeline([node]).stream([1, 2, 3, 4]);
      await stream.next();
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(await stream.return()).toEqual({ done: true, value: undefined });
      expect(node.isCleaned).toBe(true);
    }
  });

  test('that is left gives nodes a reason that is an error', async () => {
    let reason: unknown;
    const node: AnyNode = {
      initialize: () => undefined,
      process: async (value: number, { signal }) => {
        if (value > 1) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        return value;
      },
    };
    const stream = new Pipeline([node]).stream([1, 2]);
    await stream.next();
    await stream.return();
    expect(reason).toMatchObject({ name: 'AbortError', message: 'The reader of the outputs left.' });
  });

  test('has metrics while it runs', async () => {
    const stream = new Pipeline([counting()]).stream([1, 2, 3], { enableMetrics: true });
    expect(stream.metrics().nodeMetrics).toEqual([]);
    await stream.next();
    expect(stream.metrics().nodeMetrics[0]?.itemsIn).toBeGreaterThan(0);
    await read(stream);
    expect(stream.metrics().nodeMetrics).toMatchObject([{ itemsIn: 3, itemsOut: 3 }]);
  });
});

describe('a streaming node', () => {
  class Reader extends StreamingNode<number, number> {
    readonly #read: (input: AsyncIterable<number>) => AsyncIterable<number>;

    constructor(read: (input: AsyncIterable<number>) => AsyncIterable<number>) {
      super();
      this.#read = read;
    }

    stream(input: AsyncIterable<number>): AsyncIterable<number> {
      return this.#read(input);
    }
  }

  test('that leaves its input goes on with its outputs, and nothing new is made for it', async () => {
    const source = new Endless();
    let givenAtLeave = 0;
    const node = new Reader(async function* (input) {
      for await (const value of input) if (value === 3) break;
      givenAtLeave = source.given;
      for (let turn = 0; turn < 20; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        yield turn;
      }
    });
    expect(await read(new Pipeline([source as AnyNode, node]).stream())).toHaveLength(20);
    expect(source.given).toBeLessThan(givenAtLeave + 20);
    expect(source.isClosed).toBe(true);
  });

  test('may ask for several items at once', async () => {
    const node = new Reader(async function* (input) {
      const iterator = input[Symbol.asyncIterator]();
      for (;;) {
        const steps = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
        for (const { done, value } of steps) if (done !== true) yield value;
        if (steps.some(({ done }) => done)) return;
      }
    });
    expect(await new Pipeline([node]).run([1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
  });

  test('may give an async iterable, a promise of one or an iterable', async () => {
    for (const give of [
      (input: AsyncIterable<number>) => input,
      async (input: AsyncIterable<number>) => input,
      () => [7, 8].values(),
    ])
      expect(await new Pipeline([new Reader(give as never)]).run([7, 8])).toEqual([7, 8]);
  });

  test('that takes no more behind a fan-out leaves the other branch alone', async () => {
    const take = new Reader(async function* (input) {
      for await (const value of input) {
        yield -value;
        return;
      }
    });
    const [head, other] = [counting(), counting()];
    const pipeline = new Pipeline().connect(head, take).connect(head, other as AnyNode);
    const outputs = (await pipeline.run([1, 2, 3, 4])) as number[];
    expect(outputs.toSorted((a, b) => a - b)).toEqual([-1, 1, 2, 3, 4]);
  });

  test('all of them behind a fan-out stop what feeds them', async () => {
    const take = (count: number): AnyNode =>
      new Reader(async function* (input) {
        let left = count;
        for await (const value of input) {
          yield value;
          if (--left === 0) return;
        }
      });
    const source = new Endless() as AnyNode;
    const pipeline = new Pipeline().connect(source, take(2)).connect(source, take(5));
    expect(await pipeline.run()).toHaveLength(7);
  });

  test('serves one run at a time, and the next one after it', async () => {
    const node = new Reader((input) => input);
    const pipeline = new Pipeline([node]);
    const stream = pipeline.stream([1, 2]);
    await stream.next();
    await expect(pipeline.run([1])).rejects.toMatchObject({ code: 'RM_NODE_BUSY', nodeId: 'Reader_0' });
    await stream.return();
    expect(await pipeline.run([1])).toBe(1);
  });
});
