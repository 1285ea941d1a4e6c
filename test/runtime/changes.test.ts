import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  configureHosts,
  Node,
  Pipeline,
  SourceNode,
  startPythonHost,
  type AnyNode,
  type PythonHost,
} from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('./letters.py', import.meta.url));
const ONCE = ['initialize', 'flush', 'cleanup'];

let python: PythonHost;

beforeAll(async () => {
  configureHosts({ maxIdle: 4 });
  python = await startPythonHost();
});
afterAll(async () => {
  await python.close();
  configureHosts({ maxIdle: 0 });
});

/** Adds its letter to texts, with how many it has had and how much of its life is over: both show a node that was made or begun anew. */
class Letter extends Node<string, string> {
  readonly life: string[] = [];
  readonly letter: string;
  count = 0;
  constructor(letter: string, executor?: 'worker') {
    super({ executor, returnState: true });
    this.name = letter;
    this.letter = letter;
  }
  override initialize(): void {
    this.life.push('initialize');
  }
  next(text: string): string {
    this.count++;
    return `${text}${this.letter}${String(this.count)}.${String(this.life.length)}`;
  }
  process(text: string): string | Promise<string> {
    return this.next(text);
  }
  override flush(): string {
    this.life.push('flush');
    return `[${this.letter}${String(this.count)}]`;
  }
  override cleanup(): void {
    // Also called before the node leaves for another host.
    if (this.life.length > 0) this.life.push('cleanup');
  }
}

class LaterLetter extends Letter {
  override async process(text: string): Promise<string> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.next(text);
  }
}

type Kind = 'here' | 'later' | 'worker' | 'python';

/** A node, and what has to have become of it in the end. */
interface Made {
  readonly node: AnyNode;
  life(): Promise<string[]> | string[];
}

async function make(kind: Kind, letter: string): Promise<Made> {
  if (kind === 'python') {
    const node = await python.create({ file: FILE, class: 'Letter', args: [letter] });
    return { node, life: () => node.get<string[]>('life') };
  }
  const node =
    kind === 'later' ? new LaterLetter(letter) : new Letter(letter, kind === 'worker' ? kind : undefined);
  return { node, life: () => node.life };
}

/** What a plain loop does. */
class Model {
  readonly outputs: string[] = [];
  readonly #nodes: { readonly letter: string; count: number }[] = [];

  push(text: string, start = 0): void {
    let value = text;
    for (const node of this.#nodes.slice(start)) value += `${node.letter}${String(++node.count)}.1`;
    this.outputs.push(value);
  }
  insert(letter: string, index: number): void {
    this.#nodes.splice(index, 0, { letter, count: 0 });
  }
  flush(index: number): void {
    const node = this.#nodes[index];
    if (node !== undefined) this.push(`[${node.letter}${String(node.count)}]`, index + 1);
  }
  remove(index: number): void {
    this.flush(index);
    this.#nodes.splice(index, 1);
  }
  end(): void {
    for (const index of this.#nodes.keys()) this.flush(index);
  }
}

const kind = fc.constantFrom<Kind>('here', 'here', 'later', 'worker', 'python');
const place = fc.nat(20);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('insert' as const), kind, place, isBefore: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), kind, place }) },
);

test('random changes between random items give what a plain loop gives that is changed at these places', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(kind, { minLength: 1, maxLength: 3 }),
      fc.array(step, { maxLength: 14 }),
      async (kinds, steps) => {
        let made = 0;
        const all: Made[] = [];
        const model = new Model();
        const next = async (of: Kind): Promise<{ node: AnyNode; letter: string }> => {
          const letter = String.fromCharCode(97 + made++);
          const one = await make(of, letter);
          all.push(one);
          return { node: one.node, letter };
        };
        const pipeline = new Pipeline<string, string>();
        const ids: string[] = [];
        for (const of of kinds) {
          const { node, letter } = await next(of);
          pipeline.add(node, { id: letter });
          model.insert(letter, ids.length);
          ids.push(letter);
        }
        const session = await pipeline.open();
        const outputs: string[] = [];
        const reading = (async () => {
          for await (const output of session) outputs.push(output);
        })();
        let item = 0;
        for (const change of steps) {
          if (change.do === 'write') {
            for (let count = 0; count < change.count; count++) {
              await session.write(`${String(++item)}:`);
              model.push(`${String(item)}:`);
            }
            continue;
          }
          const index = change.place % ids.length;
          const anchor = ids[index] ?? '';
          if (change.do === 'insert') {
            const { node, letter } = await next(change.kind);
            await session.insert(node, {
              ...(change.isBefore ? { before: anchor } : { after: anchor }),
              id: letter,
            });
            const at = change.isBefore ? index : index + 1;
            model.insert(letter, at);
            ids.splice(at, 0, letter);
          } else if (change.do === 'replace') {
            const { node, letter } = await next(change.kind);
            await session.replace(anchor, node);
            model.remove(index);
            model.insert(letter, index);
          } else if (ids.length > 1) {
            await session.remove(anchor);
            model.remove(index);
            ids.splice(index, 1);
          }
        }
        session.end();
        await reading;
        await session.done;
        model.end();
        expect(outputs).toEqual(model.outputs);
        for (const { life } of all) expect(await life()).toEqual(ONCE);
        expect(python.deathListenerCount).toBe(0);
      },
    ),
    { numRuns: 40 },
  );
}, 300_000);

/** Counts from 0, for as long as somebody takes the numbers. */
class Numbers extends SourceNode<string> {
  *source(): Generator<string> {
    for (let number = 0; ; number++) yield String(number);
  }
}

class Odd extends Node<string, string> {
  process(text: string): string | undefined {
    return Number(text) % 2 === 1 ? text : undefined;
  }
}

class Joined extends Node<string[], string> {
  process(texts: string[]): string {
    return texts.join('+');
  }
}

describe.each(['here', 'worker', 'python'] as const)('in a session that is changed, %s,', (where) => {
  async function placed(name: 'Numbers' | 'Joined', settings: object = {}): Promise<AnyNode> {
    const executor = where === 'worker' ? where : undefined;
    if (where === 'python') return Object.assign(await python.create({ file: FILE, class: name }), settings);
    return name === 'Numbers' ? new Numbers({ executor }) : new Joined({ executor, ...settings });
  }

  test('a source goes on between two of its items', async () => {
    const source = await placed('Numbers');
    const session = await new Pipeline<never, string>([source]).open();
    const numbers: number[] = [];
    const readTo = async (isLast: (text: string) => boolean): Promise<void> => {
      for (let isThere = false; !isThere;) {
        const { value } = (await session.next()) as { readonly value: string };
        numbers.push(Number(/^\d+/.exec(value)?.[0]));
        isThere = isLast(value);
      }
    };
    await readTo(() => numbers.length === 3);
    const id = await session.insert(new Letter('a'), { after: 'Numbers_0' });
    await readTo((text) => text.includes('a3.'));
    await session.remove(id);
    await readTo((text) => text.startsWith('[a'));
    numbers.pop();
    await readTo((text) => !text.includes('a'));
    await session.cancel();
    expect(numbers).toEqual([...numbers.keys()]);
  });

  test('what waits for other inputs is handed on', async () => {
    const both = await placed('Joined', { fanIn: 'zip' });
    const pipeline = new Pipeline<string, string>();
    pipeline.add(new Odd(), { id: 'odd' }).add(new Letter('x'), { id: 'x' }).add(both, { id: 'both' });
    const session = await pipeline.connect('odd', 'both').connect('x', 'both').open();
    for (const text of ['1', '2', '3']) await session.write(text);
    await session.insert(new LaterLetter('z'), { after: 'x' });
    for (const text of ['4', '5', '6']) await session.write(text);
    const outputs = [await session.next(), await session.next(), await session.next()];
    expect(outputs.map(({ value }) => value as string)).toEqual(['1+1x1.1', '3+2x2.1', '5+3x3.1']);
    await session.cancel();
  });
});
