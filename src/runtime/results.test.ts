import { describe, expect, test } from 'vitest';
import { InvalidArgumentError } from '../errors/index.js';
import { Node, SourceNode, type AnyNode } from '../node/index.js';
import { executePipeline, executePipelineWithInput, Pipeline } from './index.js';

function nodeOf(process: (value: never) => unknown): AnyNode {
  return { initialize: () => undefined, process };
}

const same = (): AnyNode => nodeOf((value) => value);
const drop = (): AnyNode => nodeOf(() => undefined);

class Numbers extends SourceNode<number> {
  readonly #to: number;

  constructor(to: number) {
    super();
    this.#to = to;
  }

  *source(): Generator<number> {
    for (let value = 0; value < this.#to; value++) yield value;
  }
}

function manifestOf(...nodes: AnyNode[]): Record<string, unknown> {
  return {
    version: 'v1',
    metadata: { name: 'm' },
    nodes: nodes.map((instance, index) => ({ id: String(index), instance })),
  };
}

describe('the form of a result', () => {
  test.each<[string, Promise<unknown>, unknown]>([
    ['run, one item', new Pipeline([same()]).run(1), 1],
    ['run, one item in a list', new Pipeline([same()]).run([1]), 1],
    ['run, many items', new Pipeline([same()]).run([1, 2]), [1, 2]],
    ['run, an empty list', new Pipeline([same()]).run([]), []],
    ['run, nothing comes out', new Pipeline([drop()]).run([1, 2]), []],
    ['run, a list comes out', new Pipeline([nodeOf((value) => [value])]).run(1), [1]],
    ['run, without input', new Pipeline([same()]).run(), ''],
    ['run, without input or output', new Pipeline([drop()]).run(), undefined],
    ['run, null is an item', new Pipeline([nodeOf((value) => [value])]).run(null), [null]],
    ['run, null comes out', new Pipeline([same()]).run(null), null],
    ['run of a source', new Pipeline([new Numbers(3)]).run(), [0, 1, 2]],
    ['run of a source with one item', new Pipeline([new Numbers(1)]).run(), 0],
    ['executePipeline', executePipeline([nodeOf((text: string) => text.length)]), 0],
    ['executePipeline, many outputs', executePipeline([new Numbers(2)]), [0, 1]],
    ['executePipeline, no output', executePipeline([drop()]), undefined],
    ['executePipeline of a manifest', executePipeline(manifestOf(new Numbers(1))), 0],
    ['executePipelineWithInput, one output', executePipelineWithInput([same()], [1]), [1]],
    ['executePipelineWithInput, no output', executePipelineWithInput([drop()], [1]), []],
    ['executePipelineWithInput, no input', executePipelineWithInput([same()], []), []],
    [
      'executePipelineWithInput of a manifest, one output',
      executePipelineWithInput(manifestOf(same()), [1]),
      1,
    ],
    [
      'executePipelineWithInput of a manifest, many',
      executePipelineWithInput(manifestOf(same()), [1, 2]),
      [1, 2],
    ],
    ['executePipelineWithInput of a manifest, none', executePipelineWithInput(manifestOf(drop()), [1]), []],
    ['executePipelineWithInput of a Pipeline', executePipelineWithInput(new Pipeline([same()]), [1]), [1]],
  ])('%s', async (_, running, expected) => {
    expect(await running).toEqual(expected);
  });

  test('with metrics it stands beside them', async () => {
    const options = { enableMetrics: true } as const;
    expect(await new Pipeline([same()]).run(1, options)).toMatchObject({ outputs: 1 });
    expect(await executePipeline([drop()], options)).toMatchObject({ outputs: undefined });
    expect(await executePipelineWithInput([same()], [1], options)).toMatchObject({ outputs: [1] });
    expect(await executePipelineWithInput(manifestOf(same()), [1], options)).toMatchObject({ outputs: 1 });
  });

  test('a source beside a node that takes the input: both feed', async () => {
    const [source, other, merge] = [new Numbers(2), same(), same()];
    const pipeline = new Pipeline().connect(source as AnyNode, merge).connect(other, merge);
    expect(await pipeline.run(['x', 'y'])).toHaveLength(4);
    expect(await pipeline.run()).toEqual(expect.arrayContaining(['', 0, 1]));
  });

  test('a pipeline of sources takes no input', async () => {
    const pipeline = new Pipeline([new Numbers(1), same()]);
    await expect(pipeline.run([1])).rejects.toThrow(/begins with source nodes only/);
    await expect(pipeline.run([1])).rejects.toBeInstanceOf(TypeError);
  });
});

describe('inputs', () => {
  const many: [string, () => Iterable<unknown> | AsyncIterable<unknown>][] = [
    ['an array', () => [1, 2]],
    [
      'a generator',
      function* () {
        yield* [1, 2];
      },
    ],
    [
      'an async generator',
      async function* () {
        yield* [1, 2];
      },
    ],
    ['the values of a Map', () => new Map(Object.entries({ a: 1, b: 2 })).values()],
    ['a web stream', () => ReadableStream.from([1, 2])],
    ['the stream of another pipeline', () => new Pipeline<number>([same()]).stream([1, 2])],
  ];

  test.each(many)('%s is many items, for all who take items', async (_, input) => {
    expect(await new Pipeline([same()]).run(input())).toEqual([1, 2]);
    expect(await executePipelineWithInput([same()], input())).toEqual([1, 2]);
    const outputs: unknown[] = [];
    for await (const output of new Pipeline([same()]).stream(input())) outputs.push(output);
    expect(outputs).toEqual([1, 2]);
  });

  test('a Set is many where many belong, and one item for run()', async () => {
    const set = new Set([1, 2]);
    expect(await executePipelineWithInput([same()], set)).toEqual([1, 2]);
    expect(await new Pipeline([same()]).run(set)).toBe(set);
  });

  test.each<[string, unknown]>([
    ['string', 'text'],
    ['Object', { a: 1 }],
    ['Map', new Map()],
    ['Uint8Array', new Uint8Array(2)],
    ['Float32Array', new Float32Array(2)],
    ['Buffer', Buffer.from('ab')],
    ['ArrayBuffer', new ArrayBuffer(2)],
    ['DataView', new DataView(new ArrayBuffer(2))],
    ['number', 5],
    ['null', null],
    ['boolean', true],
    ['undefined', undefined],
  ])('one %s where many belong is a TypeError that says [value]', async (type, value) => {
    const error: unknown = await executePipelineWithInput([same()], value as never).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      code: 'RM_INVALID_INPUT',
      message: `The input must be a list, an iterable or an async iterable of items, but it is one ${type}. For one item give [value].`,
    });
    if (value === undefined) return;
    expect(() => new Pipeline([same()]).stream(value as never)).toThrow(/\[value\]/);
    expect(await new Pipeline([same()]).run(value)).toBe(value);
  });

  test.each([
    ['a list', [1, undefined, 3]],
    [
      'an async iterable',
      (async function* () {
        yield* [1, undefined, 3];
      })(),
    ],
  ])('an undefined item of %s is an error that names its position', async (_, input) => {
    const given: unknown[] = [];
    const node = nodeOf((value) => void given.push(value));
    await expect(executePipelineWithInput([node], input)).rejects.toMatchObject({
      code: 'RM_INVALID_INPUT',
      message: expect.stringContaining('Item 1 of the input is undefined'),
    });
    expect(given).toEqual([1]);
  });

  test('an input that is given up is closed', async () => {
    const log: string[] = [];
    const failing = nodeOf(() => {
      throw new Error('enough');
    });
    function* sync(): Generator<number> {
      try {
        for (;;) yield 1;
      } finally {
        log.push('sync closed');
      }
    }
    async function* async(): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        await new Promise((resolve) => setImmediate(resolve));
        log.push('async closed');
      }
    }
    async function* undefinedItems(): AsyncGenerator<undefined> {
      try {
        for (;;) yield undefined;
      } finally {
        log.push('refused closed');
      }
    }
    await expect(executePipelineWithInput([failing], sync())).rejects.toThrow('enough');
    await expect(executePipelineWithInput([failing], async())).rejects.toThrow('enough');
    await expect(executePipelineWithInput([same()], undefinedItems())).rejects.toThrow('undefined');
    expect(log).toEqual(['sync closed', 'async closed', 'refused closed']);
  });

  test('an input that fails fails the run with its own error, after what came before it', async () => {
    const failure = new RangeError('cable');
    function* input(): Generator<number> {
      yield 1;
      throw failure;
    }
    const outputs: unknown[] = [];
    const reading = (async () => {
      for await (const output of new Pipeline([same()]).stream(input())) outputs.push(output);
    })();
    await expect(reading).rejects.toBe(failure);
    expect(outputs).toEqual([1]);
  });

  test('an input that throws no error is told in words', async () => {
    const thrown: unknown = { code: 7 };
    const input = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw thrown;
        },
      }),
    };
    await expect(executePipelineWithInput([same()], input)).rejects.toMatchObject({
      message: 'The input failed: thrown value { code: 7 }.',
      cause: { code: 7 },
    });
  });
});

describe('outputs', () => {
  test.each<[string, unknown]>([
    ['an array', [1, 2]],
    ['a string', 'text'],
    ['a Map', new Map([[1, 2]])],
    ['a Set', new Set([1])],
    ['a typed array', new Uint8Array([1, 2])],
    ['null', null],
    ['zero', 0],
    ['an empty text', ''],
    ['a function', () => 1],
    ['a Date', new Date(0)],
  ])('%s is one', async (_, value) => {
    for (const node of [
      nodeOf(() => value),
      nodeOf(async () => value),
      nodeOf(function* () {
        yield value;
      }),
    ])
      expect(await executePipelineWithInput([node], [1, 2])).toEqual([value, value]);
  });

  test('undefined is none, wherever it comes from', async () => {
    class Nothing extends Node<number, number> {
      process(value: number) {
        switch (value) {
          case 0:
            return undefined;
          case 1:
            return Promise.resolve(undefined);
          case 2:
            return [undefined, 7, undefined].values();
          default:
            return (async function* () {
              yield undefined;
              yield 8;
            })();
        }
      }

      override flush() {
        return [undefined, 9].values();
      }
    }
    class Gaps extends SourceNode<number> {
      *source() {
        yield* [0, undefined, 1, 2, 3];
      }
    }
    expect(await executePipelineWithInput([new Nothing()], [0, 1, 2, 3])).toEqual([7, 8, 9]);
    expect(await executePipeline([new Gaps()])).toEqual([0, 1, 2, 3]);
  });

  test.each<[string, (value: number) => unknown]>([
    ['a promise of a generator', async (value) => [value, value].values()],
    [
      'a promise of an async generator',
      async (value) =>
        (async function* () {
          yield value;
          yield value;
        })(),
    ],
    [
      'a thenable',
      (value) => ({ then: (resolve: (v: unknown) => void) => resolve([value, value].values()) }),
    ],
  ])('%s is many', async (_, process) => {
    expect(await executePipelineWithInput([nodeOf(process as never)], [1, 2])).toEqual([1, 1, 2, 2]);
  });

  test('a fan-out gives the very same object to all branches', async () => {
    const item = { value: 1 };
    const [head, left, right] = [same(), same(), same()];
    const outputs = (await new Pipeline().connect(head, left).connect(head, right).run([item])) as unknown[];
    expect(outputs).toHaveLength(2);
    expect(outputs.every((output) => output === item)).toBe(true);
  });
});

describe('a node that is built in an unusual way', () => {
  test('process as a class-field arrow', async () => {
    class Arrow extends Node<number, number> {
      amount = 5;
      process = (value: number): number => value + this.amount;
    }
    expect(await new Pipeline([new Arrow()]).run(1)).toBe(6);
  });

  test('process as a getter, private state, a proxy', async () => {
    class Getter {
      #calls = 0;
      initialize(): void {
        this.#calls = 10;
      }
      get process() {
        return (value: number) => value + ++this.#calls;
      }
    }
    expect(await new Pipeline([new Getter()]).run([0, 0])).toEqual([11, 12]);
    const counted = { calls: 0, initialize: () => undefined, process: (value: number) => value };
    const proxy = new Proxy(counted, {
      get(target, key) {
        if (key === 'process') target.calls++;
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(await new Pipeline([proxy]).run(3)).toBe(3);
    expect(counted.calls).toBeGreaterThan(0);
  });

  test('process replaced after the pipeline was built, or by initialize', async () => {
    const node = { initialize: () => undefined as unknown, process: (value: number) => value };
    const pipeline = new Pipeline([node]);
    node.process = (value) => value + 1;
    expect(await pipeline.run(1)).toBe(2);
    node.initialize = () => (node.process = (value) => value + 100);
    expect(await pipeline.run(1)).toBe(101);
  });

  test('this and the context are what they should be', async () => {
    const seen: unknown[] = [];
    const node = {
      initialize(context: { nodeId: string }) {
        seen.push(this, context.nodeId);
      },
      process(_: unknown, context: { nodeId: string; signal: AbortSignal }) {
        seen.push(this, context.nodeId, context.signal.aborted);
      },
    };
    await new Pipeline().add(node as never, { id: 'me' }).run(1);
    expect(seen).toEqual([node, 'me', node, 'me', false]);
  });
});
