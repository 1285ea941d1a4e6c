import { setImmediate as turn } from 'node:timers/promises';
import { Node, SourceNode, StreamingNode, Tensor, type AnyNode, type NodeContext } from 'remotemedia';
import type { CaseNode } from './harness.js';

/**
 * The fixture nodes of README.md as TypeScript classes. Their fields are plain ones: live instances go to other hosts, where what is `#private`
 * does not arrive.
 *
 * @param journal - gets an entry for every call of `initialize`, `flush` and `cleanup`
 */
export function makeFixture({ id, type, params }: CaseNode, journal: Journal): AnyNode {
  const make = FIXTURES[type];
  if (make === undefined) throw new Error(`There is no fixture "${type}" in TypeScript.`);
  return journaled(make(params ?? {}), id, journal);
}

/** Makes an entry when each call begins; a node without a `flush` of its own gets none. */
function journaled(node: AnyNode, id: string, journal: Journal): AnyNode {
  for (const name of ['initialize', 'flush', 'cleanup'] as const) {
    const method = node[name]?.bind(node);
    if (method === undefined) continue;
    node[name] = (context?: NodeContext): unknown => {
      journal.push(`${id}.${name}`);
      return method(context as NodeContext);
    };
  }
  return node;
}

/** Where entries go. */
export interface Journal {
  push(entry: string): unknown;
}

type Params = Readonly<Record<string, unknown>>;

const FIXTURES: Readonly<Record<string, (params: Params) => AnyNode>> = {
  Identity: () => new Identity(),
  Double: () => new Double(),
  AddAsync: ({ amount }) => new AddAsync(amount as number),
  DropOdd: () => new DropOdd(),
  Repeat: ({ times }) => new Repeat(times as number),
  RepeatAsync: ({ times }) => new RepeatAsync(times as number),
  Pair: () => new Pair(),
  Null: () => new Null(),
  Text: () => new Text(),
  Iterator: ({ times }) => new Iterator(times as number),
  Batch: ({ size }) => new Batch(size as number),
  BatchAsync: ({ size }) => new BatchAsync(size as number),
  FlushMany: ({ count }) => new FlushMany(count as number),
  Sum: () => new Sum(),
  Take: ({ count }) => new Take(count as number),
  Count: ({ to }) => new Count(to as number),
  CountAsync: ({ to }) => new CountAsync(to as number),
  Endless: () => new Endless(),
  Overlap: () => new Overlap(),
  Hang: () => new Hang(),
  Linger: () => new Linger(),
  BargeIn: () => new BargeIn(),
  Filled: ({ size }) => new Filled(size as number),
  Scale: ({ factor }) => new Scale(factor as number),
  KeepAll: () => new KeepAll(),
  Refuse: ({ where }) => new Refuse(where as string),
  Explode: ({ where, at }) => makeExplode(where as string, at as number),
};

class Identity extends Node {
  process(value: unknown): unknown {
    return value;
  }
}

class Double extends Node<number, number> {
  process(value: number): number {
    return value * 2;
  }
}

class AddAsync extends Node<number, number> {
  private readonly amount: number;

  constructor(amount: number) {
    super();
    this.amount = amount;
  }

  async process(value: number): Promise<number> {
    await turn();
    return value + this.amount;
  }
}

class DropOdd extends Node<number, number> {
  process(value: number): number | undefined {
    return value % 2 === 0 ? value : undefined;
  }
}

class Repeat<T> extends Node<T, T> {
  private readonly times: number;

  constructor(times: number) {
    super();
    this.times = times;
  }

  *process(value: T): Generator<T, void, undefined> {
    for (let time = 0; time < this.times; time++) yield value;
  }
}

class RepeatAsync<T> extends Node<T, T> {
  private readonly times: number;

  constructor(times: number) {
    super();
    this.times = times;
  }

  async *process(value: T): AsyncGenerator<T, void, undefined> {
    for (let time = 0; time < this.times; time++) {
      await turn();
      yield value;
    }
  }
}

class Pair<T> extends Node<T, [T, T]> {
  process(value: T): [T, T] {
    return [value, value];
  }
}

class Null extends Node<unknown, { value: null }> {
  process(): { value: null } {
    return { value: null };
  }
}

class Text extends Node<number, string> {
  process(value: number): string {
    return String(value);
  }
}

class Iterator<T> extends Node<T, T> {
  private readonly times: number;

  constructor(times: number) {
    super();
    this.times = times;
  }

  process(value: T): IterableIterator<T, undefined> {
    let left = this.times;
    return {
      next: () => (left-- > 0 ? { done: false, value } : { done: true, value: undefined }),
      [Symbol.iterator]() {
        return this;
      },
    };
  }
}

class Batch<T> extends Node<T, T[]> {
  private readonly size: number;
  private batch: T[] = [];

  constructor(size: number) {
    super();
    this.size = size;
  }

  process(value: T): T[] | undefined {
    this.batch.push(value);
    return this.batch.length < this.size ? undefined : this.takeAll();
  }

  override flush(): T[] | undefined {
    return this.batch.length === 0 ? undefined : this.takeAll();
  }

  private takeAll(): T[] {
    const batch = this.batch;
    this.batch = [];
    return batch;
  }
}

class BatchAsync<T> extends Node<T, T[]> {
  private readonly batch: Batch<T>;

  constructor(size: number) {
    super();
    this.batch = new Batch(size);
  }

  async process(value: T): Promise<T[] | undefined> {
    await turn();
    return this.batch.process(value);
  }

  override async flush(): Promise<T[] | undefined> {
    await turn();
    return this.batch.flush();
  }
}

class FlushMany extends Node<unknown, number> {
  private readonly count: number;

  constructor(count: number) {
    super();
    this.count = count;
  }

  process(): undefined {
    return undefined;
  }

  override *flush(): Generator<number, void, undefined> {
    for (let index = 0; index < this.count; index++) yield index;
  }
}

class Sum extends StreamingNode<number, number> {
  async *stream(input: AsyncIterable<number>): AsyncGenerator<number, void, undefined> {
    let sum = 0;
    for await (const value of input) yield (sum += value);
  }
}

class Take<T> extends StreamingNode<T, T> {
  private readonly count: number;

  constructor(count: number) {
    super();
    this.count = count;
  }

  async *stream(input: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    let taken = 0;
    for await (const value of input) {
      yield value;
      if (++taken === this.count) return;
    }
  }
}

class Count extends SourceNode<number> {
  private readonly to: number;

  constructor(to: number) {
    super();
    this.to = to;
  }

  *source(): Generator<number, void, undefined> {
    for (let value = 0; value < this.to; value++) yield value;
  }
}

class CountAsync extends SourceNode<number> {
  private readonly to: number;

  constructor(to: number) {
    super();
    this.to = to;
  }

  async *source(): AsyncGenerator<number, void, undefined> {
    for (let value = 0; value < this.to; value++) {
      await turn();
      yield value;
    }
  }
}

class Endless extends SourceNode<number> {
  *source(): Generator<number, void, undefined> {
    for (let value = 0; ; value++) yield value;
  }
}

class Filled extends Node<number, Float64Array> {
  private readonly size: number;

  constructor(size: number) {
    super();
    this.size = size;
  }

  process(value: number): Float64Array {
    return Object.assign(new Float64Array(this.size).fill(value), { isMadeHere: true });
  }
}

class Scale extends Node<Float64Array | Tensor, number> {
  private readonly factor: number;

  constructor(factor: number) {
    super();
    this.factor = factor;
  }

  process(array: Float64Array | Tensor): number | undefined {
    // Within a process every node gets the very same array.
    const elements = 'isMadeHere' in array ? elementsOf(array).slice() : elementsOf(array);
    for (let index = 0; index < elements.length; index++) elements[index]! *= this.factor;
    return elements[0];
  }
}

class KeepAll extends Node<Float64Array | Tensor, number> {
  private arrays: (Float64Array | Tensor)[] = [];

  process(array: Float64Array | Tensor): undefined {
    this.arrays.push(array);
  }

  override flush(): number {
    const arrays = this.arrays;
    this.arrays = [];
    return arrays.reduce((sum, array) => elementsOf(array).reduce((total, each) => total + each, sum), 0);
  }
}

/** An array of Python arrives as a tensor. */
function elementsOf(array: Float64Array | Tensor): Float64Array {
  return array instanceof Tensor ? (array.data as Float64Array) : array;
}

class Overlap extends Node<number, number> {
  private enter: () => void = () => undefined;

  async process(value: number): Promise<number> {
    this.enter();
    if (value % 2 === 0) await new Promise<void>((resolve) => (this.enter = resolve));
    return value;
  }
}

class Hang extends Node<number, number> {
  async *process(value: number, { signal }: NodeContext): AsyncGenerator<number> {
    yield value;
    if (value % 2 === 1) await interrupted(signal);
  }
}

class Linger extends Node<number, number> {
  async process(value: number, { signal }: NodeContext): Promise<number> {
    if (value % 2 === 1) await interrupted(signal);
    return value;
  }
}

/** Never resolves; rejects once the signal has aborted. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail);
  });
}

class BargeIn extends Node<number, number> {
  process(value: number, context: NodeContext): number {
    if (value === 0) context.interrupt();
    return value;
  }
}

function makeExplode(where: string, at: number): AnyNode {
  switch (where) {
    case 'stream':
      return new ExplodingStream(at);
    case 'source':
      return new ExplodingSource(at);
    case 'flush':
      return new ExplodingFlush();
    default:
      return new Explode(where, at);
  }
}

class Explode extends Node<number, number> {
  private readonly where: string;
  private readonly at: number;
  private index = 0;

  constructor(where: string, at: number) {
    super();
    this.where = where;
    this.at = at;
  }

  override initialize(): void {
    if (this.where === 'initialize') boom();
  }

  process(value: number): number | Promise<number> | Generator<number> | AsyncGenerator<number> {
    if (this.index++ !== this.at) return value;
    switch (this.where) {
      case 'process':
        return boom();
      case 'async':
        return turn().then(boom);
      case 'generator':
        return explodingGenerator(value);
      case 'asyncGenerator':
        return explodingAsyncGenerator(value);
      default:
        return value;
    }
  }

  override cleanup(): void {
    if (this.where === 'cleanup') boom();
  }
}

class ExplodingFlush extends Node<number, number> {
  process(value: number): number {
    return value;
  }

  override flush(): never {
    return boom();
  }
}

class ExplodingStream extends StreamingNode<number, number> {
  private readonly at: number;

  constructor(at: number) {
    super();
    this.at = at;
  }

  async *stream(input: AsyncIterable<number>): AsyncGenerator<number, void, undefined> {
    let index = 0;
    for await (const value of input) {
      if (index++ === this.at) boom();
      yield value;
    }
  }
}

class ExplodingSource extends SourceNode<number> {
  private readonly at: number;

  constructor(at: number) {
    super();
    this.at = at;
  }

  *source(): Generator<number, void, undefined> {
    for (let value = 0; value < this.at; value++) yield value;
    boom();
  }
}

class Refuse extends Node<number, number> {
  private readonly where: string;

  constructor(where: string) {
    super();
    this.where = where;
  }

  process(value: number): number | Promise<number> | Generator<number> | AsyncGenerator<number> {
    const refuse = (): number => (value % 2 === 1 ? boom() : value);
    switch (this.where) {
      case 'async':
        return turn().then(refuse);
      case 'generator':
        return (function* () {
          yield refuse();
        })();
      case 'asyncGenerator':
        return (async function* () {
          await turn();
          yield refuse();
        })();
      default:
        return refuse();
    }
  }
}

function* explodingGenerator(value: number): Generator<number, never, undefined> {
  yield value;
  return boom();
}

async function* explodingAsyncGenerator(value: number): AsyncGenerator<number, never, undefined> {
  await turn();
  yield value;
  return boom();
}

function boom(): never {
  throw new RangeError('boom');
}
