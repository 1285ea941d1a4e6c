import { describe, expect, it } from 'vitest';
import { Node, SourceNode, StreamingNode, type NodeContext } from '../../node/index.js';
import type { LiveSession } from './live-session.js';
import { Pipeline } from '../pipeline.js';

/** Adds its letter to texts, counts what it adds to, and notes its life. */
class Letter extends Node<string, string> {
  readonly life: string[] = [];
  readonly #letter: string;
  #count = 0;
  constructor(letter: string) {
    super();
    this.name = letter;
    this.#letter = letter;
  }
  override initialize(): void {
    this.life.push('initialize');
  }
  process(text: string): string {
    return `${text}${this.#letter}${String(++this.#count)}`;
  }
  override flush(): string {
    this.life.push('flush');
    return `flush of ${this.#letter} after ${String(this.#count)}: `;
  }
  override cleanup(): void {
    this.life.push('cleanup');
  }
}

/** Waits before each item until it is let go. */
class Door extends Node<string, string> {
  #open: () => void = () => undefined;
  #opened = new Promise<void>((resolve) => (this.#open = resolve));
  open(): void {
    this.#open();
  }
  async process(text: string, { signal }: NodeContext): Promise<string> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    await Promise.race([this.#opened, aborted]);
    return text;
  }
}

class Refusing extends Letter {
  override initialize(): void {
    throw new RangeError('no model');
  }
}

/** Lets odd numbers pass. */
class Odd extends Node<string, string> {
  process(text: string): string | undefined {
    return Number(text) % 2 === 1 ? text : undefined;
  }
}

async function restOf(
  session: LiveSession<never, unknown> | LiveSession<string, unknown>,
): Promise<unknown[]> {
  const outputs: unknown[] = [];
  for await (const output of session) outputs.push(output);
  return outputs;
}

describe('a change of a running session', () => {
  it('inserts between two items: what was written before goes past the new node', async () => {
    const [first, last, added] = [new Letter('a'), new Letter('c'), new Letter('b')];
    const session = await Pipeline.from(first).pipe(last).open();
    await session.write('1');
    expect(await session.insert(added, { after: 'a_0' })).toBe('b_2');
    await session.write('2');
    session.end();
    expect(await restOf(session)).toEqual([
      '1a1c1',
      '2a2b1c2',
      'flush of a after 2: b2c3',
      'flush of b after 2: c4',
      'flush of c after 4: ',
    ]);
    for (const { life } of [first, last, added]) expect(life).toEqual(['initialize', 'flush', 'cleanup']);
  });

  it('removes: the node flushes into what was behind it, and is cleaned up', async () => {
    const [first, middle, last] = [new Letter('a'), new Letter('b'), new Letter('c')];
    const session = await Pipeline.from(first).pipe(middle).pipe(last).open();
    await session.write('1');
    await session.remove('b_1');
    await session.write('2');
    const outputs = [await session.next(), await session.next(), await session.next()].map(
      ({ value }) => value as string,
    );
    expect(outputs).toEqual(['1a1b1c1', 'flush of b after 1: c2', '2a2c3']);
    expect(middle.life).toEqual(['initialize', 'flush', 'cleanup']);
    expect([first.life, last.life]).toEqual([['initialize'], ['initialize']]);
    session.end();
    expect(await restOf(session)).toEqual(['flush of a after 2: c4', 'flush of c after 4: ']);
  });

  it('replaces a node, also the only one, which keeps its id', async () => {
    const [before, after] = [new Letter('a'), new Letter('b')];
    const session = await Pipeline.from(before).open({ enableMetrics: true });
    await session.write('1');
    await session.replace('a_0', after);
    await session.write('2');
    session.end();
    expect(await restOf(session)).toEqual(['1a1', 'flush of a after 1: ', '2b1', 'flush of b after 1: ']);
    const [node] = session.metrics().nodeMetrics;
    expect(node).toMatchObject({ nodeId: 'a_0', itemsIn: 2, itemsOut: 4 });
  });

  it('inserts before the first and behind the last node, and in a graph on all edges of a node', async () => {
    const [root, left, right, all] = [new Letter('r'), new Letter('x'), new Letter('y'), new Letter('z')];
    const pipeline = new Pipeline<string>();
    const session = await pipeline.connect(root, left).connect(root, right).open();
    await session.insert(all, { after: 'r_0', id: 'all' });
    await session.insert(new Letter('i'), { before: 'r_0' });
    await session.write('1');
    const outputs = [await session.next(), await session.next()].map(({ value }) => value as string).sort();
    expect(outputs).toEqual(['1i1r1z1x1', '1i1r1z1y1']);
    await session.cancel();
  });

  it('refuses to remove what alone connects the nodes behind it', async () => {
    const [root, left, right] = [new Letter('r'), new Letter('x'), new Letter('y')];
    const session = await new Pipeline<string>().connect(root, left).connect(root, right).open();
    await expect(session.remove('r_0')).rejects.toThrow('nothing would connect "x_1" and "y_2"');
    await session.cancel();
  });

  it('does not wait for what is still under way, and changes that come at once are made in turn', async () => {
    const door = new Door();
    const session = await Pipeline.from(door).open();
    await session.write('1');
    const changes = ['a', 'b', 'c'].map((letter) => session.insert(new Letter(letter), { after: 'Door_0' }));
    expect(await Promise.all(changes)).toEqual(['a_1', 'b_2', 'c_3']);
    await session.write('2');
    door.open();
    session.end();
    const outputs = await restOf(session);
    expect(outputs.slice(0, 2)).toEqual(['1', '2c1b1a1']);
  });

  it('changes nothing where a new node cannot be initialized', async () => {
    const first = new Letter('a');
    const session = await Pipeline.from(first).open();
    const failed = session.insert(new Refusing('r'), { after: 'a_0' });
    await expect(failed).rejects.toMatchObject({
      code: 'RM_NODE_FAILED',
      nodeId: 'r_1',
      phase: 'initialize',
    });
    await session.write('1');
    session.end();
    expect(await restOf(session)).toEqual(['1a1', 'flush of a after 1: ']);
    expect(first.life).toEqual(['initialize', 'flush', 'cleanup']);
  });

  it('refuses what cannot be, with what to do', async () => {
    const session = await Pipeline.from(new Letter('a')).pipe(new Letter('b')).open();
    const b = new Letter('b');
    await expect(session.insert(b, { after: 'nobody' })).rejects.toThrow(
      'has no node "nobody". Its nodes are "a_0", "b_1"',
    );
    await expect(session.insert(b, { after: 'a_0', id: 'b_1' })).rejects.toThrow('has a node "b_1" already');
    await expect(session.insert({} as never, { after: 'a_0' })).rejects.toMatchObject({
      code: 'RM_INVALID_NODE',
    });
    await session.remove('a_0');
    await expect(session.remove('b_1')).rejects.toMatchObject({ code: 'RM_EMPTY_PIPELINE' });
    expect(b.life).toEqual([]);
    await session.cancel();
    await expect(session.remove('b_1')).rejects.toMatchObject({ code: 'RM_SESSION_ENDED' });
  });

  it('refuses to end the input of a streaming node that stays; one that goes may have it ended', async () => {
    class Pairs extends StreamingNode<string, string> {
      async *stream(texts: AsyncIterable<string>): AsyncGenerator<string> {
        let rest = '';
        for await (const text of texts) {
          if (rest !== '') yield rest + text;
          rest = rest === '' ? text : '';
        }
        if (rest !== '') yield rest;
      }
    }
    const session = await Pipeline.from(new Letter('a')).pipe(new Pairs()).open();
    const refused = session.insert(new Letter('b'), { after: 'a_0' });
    await expect(refused).rejects.toMatchObject({ code: 'RM_NODE_BUSY', nodeId: 'Pairs_1' });
    for (const text of ['1', '2', '3']) await session.write(text);
    await session.replace('Pairs_1', new Letter('p'));
    await session.write('4');
    session.end();
    expect((await restOf(session)).slice(0, 3)).toEqual(['1a12a2', '3a3', '4a4p1']);
  });

  it('hands on what waits for others where inputs are brought together', async () => {
    const both = new Letter('b');
    both.process = (texts) => (texts as unknown as string[]).join('+');
    both.fanIn = 'zip';
    const [left, right] = [new Odd(), new Letter('x')];
    const pipeline = new Pipeline<string>().connect(left, both).connect(right, both);
    const session = await pipeline.open();
    for (const text of ['1', '2', '3']) await session.write(text);
    await session.insert(new Letter('z'), { after: 'x_2' });
    for (const text of ['4', '5', '6']) await session.write(text);
    session.end();
    // Of the left side come 1, 3 and 5; what had come on the right before is still there for them.
    expect((await restOf(session)).slice(0, 3)).toEqual(['1+1x1', '3+2x2', '5+3x3']);
  });

  it('hands on what came last of each input, and refuses another number of inputs', async () => {
    const both = new Letter('b');
    both.process = (texts) => (texts as unknown as string[]).join('+');
    both.fanIn = 'latest';
    const [left, right] = [new Odd(), new Letter('x')];
    const pipeline = new Pipeline<string>().connect(left, both).connect(right, both);
    const session = await pipeline.open();
    await session.write('1');
    await session.insert(new Letter('z'), { after: 'x_2' });
    await session.write('2');
    const outputs = [await session.next(), await session.next()].map(({ value }) => value as string);
    expect(outputs).toEqual(['1+1x1', '1+2x2z1']);
    const refused = session.insert(new Letter('z'), { before: 'b_1' });
    await expect(refused).rejects.toMatchObject({ code: 'RM_NODE_BUSY', nodeId: 'b_1' });
    await session.cancel();
  });

  it('keeps the input of a pipeline', async () => {
    class Numbers extends SourceNode<string> {
      *source(): Generator<string> {
        yield '1';
      }
    }
    const session = await Pipeline.from(new Letter('a')).open();
    const refused = session.replace('a_0', new Numbers());
    await expect(refused).rejects.toMatchObject({ code: 'RM_INVALID_GRAPH' });
    await session.cancel();
  });

  it('goes on after an interruption: what waits for a changed pipeline is stale as well', async () => {
    const door = new Door();
    const session = await Pipeline.from(door).open();
    await session.write('old');
    await session.insert(new Letter('a'), { after: 'Door_0' });
    await session.write('old too');
    session.interrupt();
    door.open();
    await session.write('new');
    expect(await session.next()).toEqual({ done: false, value: 'newa1' });
    await session.cancel();
  });

  it('drops outputs of the pipeline as it was that nobody has read, where a node of the changed one interrupts', async () => {
    let tell = (): void => undefined;
    const heard = new Promise<void>((resolve) => (tell = resolve));
    class Hush extends Node<string, string> {
      process(text: string, context: NodeContext): string {
        context.interrupt();
        tell();
        return text;
      }
    }
    const session = await Pipeline.from(new Letter('a')).open();
    await session.write('one');
    await session.insert(new Hush(), { after: 'a_0' });
    await session.write('two');
    await heard;
    expect(await session.next()).toEqual({ done: false, value: 'twoa2' });
    await session.cancel();
  });

  it('ends where it is cancelled, or ended, while a change is made', async () => {
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    class Slow extends Node<string, string> {
      readonly life: string[] = [];
      override async initialize(): Promise<void> {
        this.life.push('initialize');
        begin();
        await finished;
      }
      process(text: string): string {
        return text;
      }
      override cleanup(): void {
        this.life.push('cleanup');
      }
    }
    const [first, slow] = [new Letter('a'), new Slow()];
    const session = await Pipeline.from(first).open();
    await session.write('1');
    const change = session.insert(slow, { after: 'a_0' });
    change.catch(() => undefined);
    await begun;
    session.end();
    finish();
    await expect(change).rejects.toMatchObject({ code: 'RM_SESSION_ENDED' });
    expect(await restOf(session)).toEqual(['1a1', 'flush of a after 1: ']);
    await session.done;
    expect(first.life).toEqual(['initialize', 'flush', 'cleanup']);
    expect(slow.life).toEqual(['initialize', 'cleanup']);
  });

  it('is cancelled with all that waits for its turn', async () => {
    const [door, first, added] = [new Door(), new Letter('a'), new Letter('b')];
    const session = await Pipeline.from(door).pipe(first).open();
    await session.write('1');
    await session.insert(added, { after: 'a_1' });
    await session.remove('a_1');
    await session.write('2');
    await session.cancel(new Error('enough'));
    await expect(session.done).rejects.toThrow('enough');
    expect(first.life).toEqual(['initialize', 'cleanup']);
    expect(added.life).toEqual(['initialize', 'cleanup']);
  });

  it('tells a failure in what was written before the change, after which nothing more comes', async () => {
    class Fail extends Node<string, string> {
      process(text: string): string {
        if (text === 'bad') throw new RangeError('bad');
        return text;
      }
    }
    const [door, added] = [new Door(), new Letter('b')];
    const session = await Pipeline.from(door).pipe(new Fail()).open();
    await session.write('good');
    await session.write('bad');
    await session.insert(added, { after: 'Fail_1' });
    await session.write('never');
    door.open();
    expect(await session.next()).toEqual({ done: false, value: 'good' });
    await expect(session.next()).rejects.toMatchObject({
      code: 'RM_NODE_FAILED',
      nodeId: 'Fail_1',
      itemIndex: 1,
    });
    expect(() => session.write('late')).toThrow('takes no more items');
    expect(added.life).toEqual(['initialize', 'cleanup']);
  });
});
