import { describe, expect, it } from 'vitest';
import { Node, SourceNode, StreamingNode, type NodeContext } from '../../node/index.js';
import type { LiveSession } from './live-session.js';
import { Pipeline } from '../pipeline.js';

/** Waits with each item until it is let go or given up; tells what became of it. */
class Wait extends Node<string, string> {
  readonly log: string[] = [];
  readonly #waiting = new Map<string, () => void>();
  readonly #entered = new Map<string, () => void>();
  entered(item: string): Promise<void> {
    if (this.#waiting.has(item)) return Promise.resolve();
    return new Promise((resolve) => this.#entered.set(item, resolve));
  }
  letGo(item: string): void {
    this.#waiting.get(item)?.();
  }
  process(item: string, { signal }: NodeContext): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(item, () => {
        this.log.push(`gives ${item}`);
        resolve(item);
      });
      signal.addEventListener('abort', () => {
        this.log.push(`gives up ${item}`);
        reject(signal.reason as Error);
      });
      this.#entered.get(item)?.();
    });
  }
}

/** The same, but it does not listen to its signal. */
class Deaf extends Wait {
  override process(item: string, context: NodeContext): Promise<string> {
    return super.process(item, { ...context, signal: new AbortController().signal });
  }
}

async function rest<Out>(session: LiveSession<never, Out>): Promise<Out[]> {
  session.end();
  const outputs: Out[] = [];
  for await (const output of session) outputs.push(output);
  return outputs;
}

describe('an interruption', () => {
  it('drops what waits, aborts what runs, and lets the next item through at once', async () => {
    const wait = new Wait();
    const session = await Pipeline.from(wait).open();
    for (const item of ['a', 'b', 'c']) void session.write(item);
    await wait.entered('a');
    session.interrupt();
    void session.write('d');
    await wait.entered('d');
    wait.letGo('d');
    expect(await rest(session)).toEqual(['d']);
    expect(wait.log).toEqual(['gives up a', 'gives d']);
  });

  it('waits for a node that does not listen, as it takes one item at a time, and discards what that gives', async () => {
    const deaf = new Deaf();
    const session = await Pipeline.from(deaf).open();
    void session.write('a');
    await deaf.entered('a');
    session.interrupt();
    void session.write('b');
    const entered = deaf.entered('b');
    deaf.letGo('a');
    await entered;
    deaf.letGo('b');
    expect(await rest(session)).toEqual(['b']);
  });

  it('goes on beside a stale call where a node may have several', async () => {
    const deaf = new Deaf({ concurrency: 2 });
    const session = await Pipeline.from(deaf).open();
    void session.write('a');
    await deaf.entered('a');
    session.interrupt();
    void session.write('b');
    await deaf.entered('b');
    deaf.letGo('b');
    expect(await session.next()).toEqual({ done: false, value: 'b' });
    deaf.letGo('a');
    expect(await rest(session)).toEqual([]);
  });

  it('leaves alone what survives', async () => {
    const wait = new Wait({ concurrency: 3 });
    const session = await Pipeline.from(wait).open();
    void session.write('a');
    void session.write('b', { survives: true });
    void session.write('c');
    await wait.entered('c');
    session.interrupt();
    wait.letGo('b');
    expect(await rest(session)).toEqual(['b']);
    expect(wait.log).toEqual(['gives up a', 'gives up c', 'gives b']);
  });

  it('leaves alone what a node says survives, and not its siblings', async () => {
    let isMarked: () => void = () => undefined;
    const marked = new Promise<void>((resolve) => (isMarked = resolve));
    class Mark extends Node<number, number> {
      process(value: number, context: NodeContext): number {
        if (value % 2 === 0) context.survive();
        if (value === 4) isMarked();
        return value;
      }
    }
    const session = await Pipeline.from(new Mark()).open();
    for (const value of [1, 2, 3, 4]) void session.write(value);
    await marked;
    session.interrupt();
    expect(await rest(session)).toEqual([2, 4]);
  });

  it('discards outputs that nobody has read', async () => {
    class Same extends Node<number, number> {
      process(value: number): number {
        return value;
      }
    }
    const session = await Pipeline.from(new Same()).open();
    for (const value of [1, 2, 3]) void session.write(value);
    await session.next();
    session.interrupt();
    void session.write(4);
    expect(await rest(session)).toEqual([4]);
  });

  it('closes generators', async () => {
    const log: string[] = [];
    class Words extends Node<string, string> {
      async *process(text: string, { signal }: NodeContext): AsyncGenerator<string> {
        try {
          for (const word of text.split(' ')) {
            yield word;
            await new Promise((resolve) => setImmediate(resolve));
          }
          signal.throwIfAborted();
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              reject(signal.reason as Error);
            });
          });
        } finally {
          log.push(`closed ${text}`);
        }
      }
    }
    const session = await Pipeline.from(new Words()).open();
    void session.write('one two');
    expect(await session.next()).toEqual({ done: false, value: 'one' });
    expect(await session.next()).toEqual({ done: false, value: 'two' });
    session.interrupt();
    void session.write('three');
    expect(await session.next()).toEqual({ done: false, value: 'three' });
    expect(log).toEqual(['closed one two']);
    await session.cancel();
    expect(log).toEqual(['closed one two', 'closed three']);
  });

  it('by a node leaves its item, and what came after that, alone', async () => {
    const wait = new Wait();
    class BargeIn extends Node<string, string> {
      process(item: string, context: NodeContext): string {
        if (item === 'stop') context.interrupt();
        return item;
      }
    }
    const session = await new Pipeline<string, string>([new BargeIn(), wait]).open();
    for (const item of ['a', 'b']) void session.write(item);
    await wait.entered('a');
    for (const item of ['stop', 'c']) void session.write(item);
    await wait.entered('stop');
    wait.letGo('stop');
    await wait.entered('c');
    wait.letGo('c');
    expect(await rest(session)).toEqual(['stop', 'c']);
    expect(wait.log).toEqual(['gives up a', 'gives stop', 'gives c']);
  });

  it('never loses the end: nodes flush', async () => {
    class Batch extends Node<number, number[]> {
      #items: number[] = [];
      process(value: number): undefined {
        this.#items.push(value);
      }
      override flush(): number[] {
        return this.#items;
      }
    }
    const session = await Pipeline.from(new Batch()).open();
    void session.write(1);
    session.end();
    session.interrupt();
    const outputs = await rest(session);
    expect(outputs).toHaveLength(1);
  });

  it('makes a streaming node begin anew that ends by it, and discards what it gives for stale items', async () => {
    let opened = 0;
    class Talk extends StreamingNode<string, string> {
      async *stream(input: AsyncIterable<string>, context: NodeContext): AsyncGenerator<string> {
        opened++;
        for await (const item of input) {
          const { signal } = context;
          yield `${item} 1`;
          if (item === 'long')
            await new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                reject(signal.reason as Error);
              });
            });
          yield `${item} 2`;
        }
      }
    }
    const session = await Pipeline.from(new Talk()).open();
    void session.write('long');
    expect(await session.next()).toEqual({ done: false, value: 'long 1' });
    void session.write('never read');
    session.interrupt();
    void session.write('short');
    expect(await session.next()).toEqual({ done: false, value: 'short 1' });
    expect(await rest(session)).toEqual(['short 2']);
    expect(opened).toBe(2);
  });

  it('reaches what source nodes have given', async () => {
    class Ticks extends SourceNode<number> {
      async *source({ signal }: NodeContext): AsyncGenerator<number> {
        for (let tick = 0; !signal.aborted; tick++) {
          yield tick;
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }
    const session = await new Pipeline<never, number>([new Ticks()]).open();
    // The outputs fill what holds them.
    await session.next();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    session.interrupt();
    const { value } = await session.next();
    expect(value).toBeGreaterThan(10);
    await session.cancel();
  });

  it('reports no failure of work that it has made stale, and no unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const wait = new Wait({ concurrency: 4 });
    const session = await Pipeline.from(wait).open();
    for (let round = 0; round < 200; round++) {
      for (let index = 0; index < 6; index++) void session.write(`${String(round)}.${String(index)}`);
      if (round % 3 > 0) await wait.entered(`${String(round)}.${String(round % 4)}`);
      session.interrupt();
    }
    void session.write('last');
    await wait.entered('last');
    wait.letGo('last');
    expect(await rest(session)).toEqual(['last']);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('in the middle of a cancel, or after the end, does nothing', async () => {
    const wait = new Wait();
    const session = await Pipeline.from(wait).open();
    void session.write('a');
    await wait.entered('a');
    const cancelled = session.cancel();
    session.interrupt();
    await cancelled;
    session.interrupt();
    await expect(session.done).rejects.toThrow('cancelled');
  });
});
