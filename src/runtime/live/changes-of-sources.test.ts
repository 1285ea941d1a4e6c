import { expect, it } from 'vitest';
import { Node, SourceNode, type NodeContext } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

/** Numbers from one on, for ever: at once, or each when it is asked for. */
class Numbers extends SourceNode<string> {
  readonly #first: number;
  readonly life: string[] = [];
  signal: AbortSignal | undefined;
  readonly #isSync: boolean;
  #wake: () => void = () => undefined;
  constructor(first: number, isSync: boolean) {
    super();
    this.#first = first;
    this.#isSync = isSync;
  }
  source(context: NodeContext): Iterable<string> | AsyncIterable<string> {
    this.life.push('source');
    this.signal = context.signal;
    return this.#isSync ? this.#numbers() : this.#later(context.signal);
  }
  give(): void {
    this.#wake();
  }
  *#numbers(): Generator<string> {
    try {
      for (let number = this.#first; ; number++) yield String(number);
    } finally {
      this.life.push('closed');
    }
  }
  async *#later(signal: AbortSignal): AsyncGenerator<string> {
    signal.addEventListener('abort', () => {
      this.#wake();
    });
    for (const number of this.#numbers()) {
      yield number;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Adds a letter and how many items it has seen. */
class Mark extends Node<string, string> {
  #count = 0;
  process(text: string): string {
    return `${text}a${String(++this.#count)}`;
  }
}

it.each([
  ['at once', true],
  ['when they are asked for', false],
])('sources that give %s go on where they stay, and end where they go', async (_, isSync) => {
  const [first, second] = [new Numbers(0, isSync), new Numbers(100, isSync)];
  const session = await Pipeline.from(first).open();
  const outputs: string[] = [];
  const read = async (isLast: (text: string) => boolean): Promise<void> => {
    for (;;) {
      first.give();
      second.give();
      const { value } = (await session.next()) as { readonly value: string };
      outputs.push(value);
      if (isLast(value)) return;
    }
  };
  await read((text) => text === '2');
  await session.insert(new Mark(), { after: 'Numbers_0' });
  await read((text) => text.endsWith('a3'));
  await session.replace('Numbers_0', second);
  await read((text) => text.startsWith('102'));
  await session.cancel();
  const numbers = outputs.map((text) => Number(text.replace(/a.*/, '')));
  const change = numbers.indexOf(100);
  expect(numbers.slice(0, change)).toEqual([...Array(change).keys()]);
  expect(numbers.slice(change)).toEqual([100, 101, 102]);
  const isThrough = outputs.map((text) => text.includes('a'));
  expect(isThrough).toEqual(outputs.map((_, index) => index >= isThrough.indexOf(true)));
  expect([first.life, second.life]).toEqual([
    ['source', 'closed'],
    ['source', 'closed'],
  ]);
  expect(second.signal?.aborted).toBe(true);
});
