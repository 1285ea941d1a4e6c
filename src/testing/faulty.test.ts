import { describe, expect, it } from 'vitest';
import { Node, SourceNode, StreamingNode } from '../node/index.js';
import { Pipeline } from '../runtime/index.js';
import { every, faulty, runScript } from './index.js';

class Double extends Node<number, number> {
  #seen = 0;
  process(value: number): number {
    this.#seen++;
    return 2 * value;
  }
  override flush(): number {
    return this.#seen;
  }
}

class Negate extends StreamingNode<number, number> {
  async *stream(input: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const value of input) yield -value;
  }
}

class Three extends SourceNode<number> {
  *source(): Generator<number> {
    yield* [1, 2, 3];
  }
}

const items = every(10, [1, 2, 3]);

describe('faulty', () => {
  it('throws at the item, and is named as the node in it', async () => {
    const error = new Error('out of memory');
    const { failure, values } = await runScript(faulty(new Double(), { at: 1, error }), items, {
      returnFailure: true,
    });
    expect(values).toEqual([2]);
    expect(failure).toMatchObject({ nodeId: 'Double_0', phase: 'process', itemIndex: 1, cause: error });
    expect(failure).toHaveProperty('cause', error);
  });

  it('delays the item, and those behind it', async () => {
    const { outputs } = await runScript(faulty(new Double(), { at: 1, delayMs: 500 }), items);
    expect(outputs).toEqual([
      { atMs: 0, value: 2 },
      { atMs: 510, value: 4 },
      { atMs: 510, value: 6 },
      { atMs: 510, value: 3 },
    ]);
  });

  it('lets go of a delayed item that is interrupted', async () => {
    const { outputs } = await runScript(faulty(new Double(), { at: 0, delayMs: 5_000 }), [
      { atMs: 0, write: 1 },
      { atMs: 20, interrupt: true },
      { atMs: 30, write: 2 },
    ]);
    expect(outputs).toEqual([
      { atMs: 30, value: 4 },
      // The node has seen only what was not interrupted.
      { atMs: 30, value: 1 },
    ]);
  });

  it('counts what a streaming node reads, and what a source gives', async () => {
    const error = new Error('lost');
    const pipeline = Pipeline.from(faulty(new Three(), { at: 1, delayMs: 40 })).pipe(
      faulty(new Negate(), { at: 2, error }),
    );
    const { outputs, failure } = await runScript(pipeline, [], { returnFailure: true });
    expect(outputs).toEqual([
      { atMs: 0, value: -1 },
      { atMs: 40, value: -2 },
    ]);
    expect(failure).toMatchObject({ nodeId: 'Negate_1', phase: 'stream', cause: error });
  });

  it('leaves alone what is not named', async () => {
    const run = await Pipeline.from(faulty(new Double(), { at: 9, error: new Error('never') })).run([1, 2]);
    expect(run).toEqual([2, 4, 2]);
  });

  it('does not end the program it runs in', async () => {
    const { failure } = await runScript(faulty(new Double(), { at: 0, crash: true }), items, {
      returnFailure: true,
    });
    expect(failure).toHaveProperty('cause.message', expect.stringContaining("executor: 'process'"));
  });

  it.each([
    [{ at: -1, error: 1 }, 'at must be'],
    [{ at: 0 }, 'nothing goes wrong'],
    [{ at: 0, delayMs: -5 }, 'delayMs must be'],
  ])('refuses the fault %o', (fault, problem) => {
    expect(() => faulty(new Double(), fault)).toThrow(problem);
  });

  it('refuses what is no node', () => {
    expect(() => faulty(3 as never)).toThrow('faulty takes a node instance, got number.');
  });
});
