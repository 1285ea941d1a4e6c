import { describe, expect, it } from 'vitest';
import { Node, perSession, type NodeContext } from '../../node/index.js';
import { executePipelineWithInput } from '../execute.js';
import { Pipeline } from '../pipeline.js';

class Counting extends Node<number, number[]> {
  count = 0;
  initialized = 0;
  override initialize(): void {
    this.initialized++;
  }
  process(value: number): number[] {
    return [value, ++this.count];
  }
}

class Telling extends Node<unknown, string> {
  process(_: unknown, { sessionId }: NodeContext): string {
    return sessionId;
  }
}

async function threeItems(pipeline: Pipeline<number, number[]>): Promise<unknown[]> {
  const session = await pipeline.open();
  for (const value of [1, 2, 3]) void session.write(value);
  session.end();
  const outputs: unknown[] = [];
  for await (const output of session) outputs.push(output);
  return outputs;
}

describe('nodes of a session', () => {
  it('are made anew for each, and for each run', async () => {
    const made: Counting[] = [];
    const make = (): Counting => {
      const node = new Counting();
      made.push(node);
      return node;
    };
    const pipeline = Pipeline.from(perSession(make));
    const expected = [
      [1, 1],
      [2, 2],
      [3, 3],
    ];
    expect(await Promise.all([threeItems(pipeline), threeItems(pipeline)])).toEqual([expected, expected]);
    expect(await pipeline.run([1, 2, 3])).toEqual(expected);
    expect(made.map(({ initialized }) => initialized)).toEqual([1, 1, 1]);
  });

  it('may stand in lists and behind others, with an id', async () => {
    expect(await executePipelineWithInput([perSession(() => new Counting())], [7])).toEqual([[7, 1]]);
    const pipeline = new Pipeline<number>([new Counting(), perSession(() => new Telling())]);
    expect((await pipeline.plan()).segments.flatMap(({ nodes }) => nodes)).toContain('Telling_1');
    const named = Pipeline.from(new Counting()).pipe(
      perSession(() => new Telling()),
      { id: 'tells' },
    );
    expect((await named.plan()).segments.flatMap(({ nodes }) => nodes)).toContain('tells');
  });

  it('have to be nodes', async () => {
    const pipeline = new Pipeline().add(perSession(() => 3 as unknown as Counting));
    await expect(pipeline.run([1])).rejects.toMatchObject({
      code: 'RM_INVALID_NODE',
      message: expect.stringContaining('item 0'),
    });
    expect(() => perSession(new Counting() as never)).toThrow(TypeError);
  });
});

describe('the id of a session', () => {
  it('is the one that it was opened with, or a random one', async () => {
    const pipeline = Pipeline.from(new Telling());
    const ids: unknown[] = [];
    for (const sessionId of ['ann', undefined, undefined]) {
      const session = await pipeline.open({ sessionId });
      void session.write(null);
      ids.push((await session.next()).value);
      await session.cancel();
    }
    expect(ids[0]).toBe('ann');
    expect(ids[1]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[2]).not.toBe(ids[1]);
  });

  it('is one for all nodes of a run', async () => {
    const [first, second] = [new Telling(), new Telling()];
    const source = new Counting();
    const pipeline = new Pipeline().connect(source, first).connect(source, second);
    const outputs = (await pipeline.run([1])) as string[];
    expect(outputs).toHaveLength(2);
    expect(new Set(outputs).size).toBe(1);
  });
});
