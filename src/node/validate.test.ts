import { describe, expect, test } from 'vitest';
import {
  describeType,
  isManyOutputs,
  isThenable,
  Node,
  nodeProblem,
  roleOf,
  SourceNode,
  StreamingNode,
  type AnyNode,
} from './index.js';

class Upper extends Node<string, string> {
  process(text: string): string {
    return text.toUpperCase();
  }
}

class Ticks extends SourceNode<number> {
  *source(): Generator<number> {
    yield 1;
  }
}

class All extends StreamingNode<number, number> {
  async *stream(input: AsyncIterable<number>): AsyncGenerator<number> {
    yield* input;
  }
}

/** An object of a class that has its work under the name that other nodes have for it. */
function misnamed(Base: typeof StreamingNode | typeof SourceNode): object {
  // @ts-expect-error -- that is what JavaScript programs may do.
  class Misnamed extends Base {
    process(item: unknown): unknown {
      return item;
    }
  }
  return new Misnamed();
}

const initialize = (): void => undefined;

describe('nodeProblem', () => {
  test.each<[string, unknown]>([
    ['an instance', new Upper()],
    ['a source', new Ticks()],
    ['a streaming node', new All()],
    ['a plain object', { initialize, process: String }],
    [
      'a process that is a class-field arrow',
      new (class {
        initialize = initialize;
        process = String;
      })(),
    ],
    [
      'getters',
      {
        get process() {
          return String;
        },
        get initialize() {
          return initialize;
        },
      },
    ],
    [
      'an object without prototype',
      Object.assign(Object.create(null) as object, { initialize, process: String }),
    ],
    ['a cleanup', { initialize, process: String, cleanup: initialize }],
    ['a proxy', new Proxy(new Upper(), {})],
  ])('%s is a node', (_, value) => {
    expect(nodeProblem(value)).toBeUndefined();
  });

  test.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['Upper', 'string'],
    [5, 'number'],
    [10n, 'bigint'],
    [Upper, 'class Upper, not an instance of it'],
    [initialize, 'function initialize, not an instance of it'],
    [[new Upper()], 'Array without process() and initialize()'],
    [{}, 'Object without process() and initialize()'],
    [new Map(), 'Map without process() and initialize()'],
    [{ process: String }, 'Object without initialize()'],
    [{ initialize }, 'Object without process()'],
    [{ initialize, process: 'text' }, 'Object without process()'],
    [misnamed(StreamingNode), 'Misnamed without stream()'],
    [misnamed(SourceNode), 'Misnamed without source()'],
    [{ initialize: true, process: String }, 'Object without initialize()'],
    [{ initialize, process: String, cleanup: 5 }, 'Object whose cleanup is no function'],
    [Object.create(null), 'object without process() and initialize()'],
  ])('%o is none', (value, problem) => {
    expect(nodeProblem(value)).toBe(problem);
  });
});

test.each<[AnyNode, string]>([
  [new Upper(), 'process'],
  [new Ticks(), 'source'],
  [new All(), 'stream'],
  [{ initialize, process: String }, 'process'],
])('the methods of a node tell its role', (node, role) => {
  expect(roleOf(node)).toBe(role);
});

test.each<[unknown, string]>([
  [class Foo {}, 'class Foo'],
  [class {}, 'class'],
  [new (class Foo {})(), 'Foo'],
  [{ constructor: 5 }, 'object'],
  [Symbol('x'), 'symbol'],
  [new Float32Array(1), 'Float32Array'],
])('describeType(%o) is %s', (value, name) => {
  expect(describeType(value).trim()).toBe(name);
});

describe('what counts as many outputs', () => {
  test.each<[string, object]>([
    ['a generator', new Ticks().source()],
    ['an async generator', new All().stream(Object.assign([]) as never)],
    ['the iterator of an array', [1][Symbol.iterator]()],
    ['an iterator object', { next: () => ({ done: true, value: undefined }), [Symbol.iterator]: String }],
  ])('%s does', (_, value) => {
    expect(isManyOutputs(value)).toBe(true);
  });

  test.each<[string, object]>([
    ['an array', [1, 2]],
    ['a Map', new Map()],
    ['a Set', new Set()],
    ['a typed array', new Uint8Array(2)],
    ['an iterable without next', { *[Symbol.iterator]() {} }],
    ['an object with next that cannot be iterated', { next: 5 }],
    ['a linked list with a next that is an object', { next: {}, [Symbol.iterator]: String }],
  ])('%s does not', (_, value) => {
    expect(isManyOutputs(value)).toBe(false);
  });

  test('anything with a then is a promise', () => {
    expect(isThenable({ then: String })).toBe(true);
    expect(isThenable({ then: 5 })).toBe(false);
    expect(isThenable(null)).toBe(false);
  });
});
