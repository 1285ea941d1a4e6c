import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { isRemoteMediaError, NodeError, RemoteMediaError } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import { Node, SourceNode, StreamingNode, type AnyNode } from '../node/index.js';
import { executePipelineWithInput, Pipeline } from './index.js';

/** A node that notes what is called, and fails where it is told to. */
class Noted extends Node<number, number> {
  readonly #log: string[];
  readonly #failing: readonly string[];

  constructor(name: string, log: string[], failing: readonly string[] = []) {
    super({ name });
    this.#log = log;
    this.#failing = failing;
  }

  override initialize(): unknown {
    this.#note('initialize');
    return undefined;
  }

  process(value: number): number {
    this.#note('process');
    return value;
  }

  override flush(): undefined {
    this.#note('flush');
  }

  override cleanup(): unknown {
    this.#note('cleanup');
    return undefined;
  }

  #note(what: string): void {
    if (what !== 'process') this.#log.push(`${this.name ?? ''}.${what}`);
    if (this.#failing.includes(what)) throw new RangeError(`${this.name ?? ''} ${what}`);
  }
}

async function failureOf(nodes: readonly AnyNode[], input: readonly unknown[] = [1]): Promise<NodeError> {
  return failed(executePipelineWithInput(nodes, input));
}

async function failed(running: Promise<unknown>): Promise<NodeError> {
  const error: unknown = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NodeError);
  return error as NodeError;
}

function thrower(value: unknown): AnyNode {
  return {
    name: 'thrower',
    initialize: () => undefined,
    process: () => {
      throw value;
    },
  };
}

describe('an error of a node', () => {
  test('carries class, code, node, phase, item, cause and stack', async () => {
    const error = await failureOf([new Noted('n', [], ['process'])]);
    expect(error).toBeInstanceOf(RemoteMediaError);
    expect(error).toBeInstanceOf(Error);
    expect(isRemoteMediaError(error)).toBe(true);
    expect(error).toMatchObject({
      name: 'NodeError',
      code: 'RM_NODE_FAILED',
      nodeId: 'n_0',
      phase: 'process',
      itemIndex: 0,
      message: 'Node "n_0" failed in process of item 0: RangeError: n process',
      suppressed: [],
    });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect((error.cause as Error).stack).toContain('errors.test');
  });

  test.each<[string, unknown, string]>([
    ['a string', 'no', 'thrown value "no"'],
    ['a number', 5, 'thrown value 5'],
    ['undefined', undefined, 'thrown value undefined'],
    ['null', null, 'thrown value null'],
    ['a symbol', Symbol('s'), 'thrown value Symbol(s)'],
    ['an object', { code: 7 }, 'thrown value { code: 7 }'],
    ['an object without prototype', Object.create(null), 'thrown value [Object: null prototype] {}'],
    ['an error without message', new TypeError(), 'TypeError'],
    ['an error of another realm', runInNewContext('new RangeError("far")'), 'RangeError: far'],
    [
      'an object that cannot be shown',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
          getPrototypeOf: () => {
            throw new Error('no');
          },
        },
      ),
      'thrown value of type object',
    ],
  ])('keeps %s that was thrown as its cause', async (_, value, text) => {
    const error = await failureOf([thrower(value)]);
    expect(Object.is(error.cause, value)).toBe(true);
    expect(error.message).toBe(`Node "thrower_0" failed in process of item 0: ${text}`);
  });

  test.each([
    ['sync', () => undefined],
    ['async', async () => undefined],
  ])('in initialize keeps the next ones from it, and cleans up those before (%s)', async (_, initialize) => {
    const log: string[] = [];
    const first = new Noted('first', log);
    Object.assign(first, {
      initialize: () => {
        log.push('first.initialize');
        return initialize();
      },
    });
    const error = await failureOf([first, new Noted('bad', log, ['initialize']), new Noted('last', log)]);
    expect(error).toMatchObject({ nodeId: 'bad_1', phase: 'initialize', itemIndex: undefined });
    expect(log).toEqual(['first.initialize', 'bad.initialize', 'first.cleanup']);
  });

  test('in an async initialize between sync ones', async () => {
    const log: string[] = [];
    const bad = new Noted('bad', log);
    Object.assign(bad, { initialize: async () => Promise.reject(new Error('late')) });
    const error = await failureOf([new Noted('first', log), bad, new Noted('last', log)]);
    expect(error).toMatchObject({ nodeId: 'bad_1', phase: 'initialize' });
    expect(log).toEqual(['first.initialize', 'first.cleanup']);
  });

  test('in cleanup never hides the first one, which tells of it', async () => {
    const log: string[] = [];
    const error = await failureOf([
      new Noted('a', log, ['cleanup']),
      new Noted('b', log, ['process', 'cleanup']),
      new Noted('c', log, ['cleanup']),
    ]);
    expect(error).toMatchObject({ nodeId: 'b_1', phase: 'process' });
    expect(error.suppressed).toMatchObject([
      { nodeId: 'c_2', phase: 'cleanup' },
      { nodeId: 'b_1', phase: 'cleanup' },
      { nodeId: 'a_0', phase: 'cleanup' },
    ]);
    expect(log.filter((entry) => entry.endsWith('cleanup'))).toEqual(['c.cleanup', 'b.cleanup', 'a.cleanup']);
    expect(log.filter((entry) => entry.endsWith('flush'))).toEqual([]);
  });

  test('in cleanup after one in initialize does not hide that', async () => {
    const log: string[] = [];
    const error = await failureOf([new Noted('a', log, ['cleanup']), new Noted('b', log, ['initialize'])]);
    expect(error).toMatchObject({ nodeId: 'b_1', phase: 'initialize' });
    expect(error.suppressed).toMatchObject([{ nodeId: 'a_0', phase: 'cleanup' }]);
  });

  test('in cleanup alone is raised, the first of several with the others', async () => {
    const error = await failureOf([new Noted('a', [], ['cleanup']), new Noted('b', [], ['cleanup'])]);
    expect(error).toMatchObject({ nodeId: 'b_1', phase: 'cleanup' });
    expect(error.suppressed).toMatchObject([{ nodeId: 'a_0', phase: 'cleanup' }]);
  });

  test('is logged where it comes too late to be raised', async () => {
    const lines: string[] = [];
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
    } as unknown as Logger;
    logger.error = (line) => lines.push(line);
    const nodes = [new Noted('a', [], ['process', 'cleanup'])];
    await failed(executePipelineWithInput(nodes, [1], { logger }));
    expect(lines).toEqual([expect.stringContaining('Node "a_0" failed in cleanup')]);
  });

  test('of several branches is that of the lowest item, which tells of the others', async () => {
    const failAt = (name: string, at: number, isAsync: boolean): AnyNode => ({
      name,
      initialize: () => undefined,
      process: (value: number) => {
        const fail = (): void => {
          if (value === at) throw new Error(`${name} at ${String(at)}`);
        };
        if (isAsync) return Promise.resolve().then(fail);
        fail();
        return undefined;
      },
    });
    const head = new Noted('head', []);
    const [late, early] = [failAt('late', 3, false), failAt('early', 1, true)];
    const pipeline = new Pipeline().connect(head, late).connect(head, early);
    const error = await failed(pipeline.run([0, 1, 2, 3, 4]));
    expect(error).toMatchObject({ nodeId: 'early_2', itemIndex: 1 });
    expect(error.suppressed).toMatchObject([{ nodeId: 'late_1', itemIndex: 3 }]);
  });

  test('of a node goes before one of the input, which had gone further', async () => {
    const slow: AnyNode = {
      initialize: () => undefined,
      process: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('slow');
      },
    };
    function* input(): Generator<number> {
      yield 1;
      throw new Error('input');
    }
    const error = await failed(executePipelineWithInput([slow], input()));
    expect(error).toMatchObject({ phase: 'process', itemIndex: 0 });
    expect(error.suppressed).toMatchObject([{ message: 'input' }]);
  });

  test('of a source that gives nothing iterable, or a stream that gives nothing', async () => {
    class NoSource extends SourceNode {
      source(): never {
        return 5 as never;
      }
    }
    class NoStream extends StreamingNode {
      stream(): never {
        return undefined as never;
      }
    }
    await expect(new Pipeline([new NoSource()]).run()).rejects.toMatchObject({
      phase: 'source',
      cause: expect.objectContaining({ message: expect.stringContaining('got number') }),
    });
    await expect(new Pipeline([new NoStream()]).run(1)).rejects.toMatchObject({ phase: 'stream' });
  });

  test('in a broken iterator or thenable is one like any other', async () => {
    const broken: unknown[] = [
      {
        next: () => {
          throw new Error('next');
        },
        [Symbol.iterator]: String,
      },
      { next: () => Promise.reject(new Error('next')), [Symbol.asyncIterator]: String },
      {
        then: () => {
          throw new Error('then');
        },
      },
      {
        get then() {
          throw new Error('get');
        },
      },
      {
        get next() {
          throw new Error('get');
        },
      },
    ];
    const node = (value: unknown): AnyNode => ({ initialize: () => undefined, process: () => value });
    for (const value of broken) expect(await failureOf([node(value)])).toMatchObject({ itemIndex: 0 });
  });

  test('leaves the instances ready for another run', async () => {
    const log: string[] = [];
    const failing = ['process'];
    const node = new Noted('n', log, failing);
    await failureOf([node]);
    failing.pop();
    expect(await executePipelineWithInput([node], [1])).toEqual([1]);
    expect(log).toEqual(['n.initialize', 'n.cleanup', 'n.initialize', 'n.flush', 'n.cleanup']);
  });
});
