import { describe, expect, it } from 'vitest';
import { AudioFrame } from '../data/index.js';
import { isRemoteMediaError } from '../errors/index.js';
import { Node, SourceNode, type FanIn, type FanInPolicy, type NodeContext } from '../node/index.js';
import type { LiveSession } from './live/live-session.js';
import { Pipeline } from './pipeline.js';

class Pass extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

/** Takes what has this letter, and gives its number. */
class Letter extends Node<string, number> {
  readonly #letter: string;
  constructor(letter: string) {
    super();
    this.#letter = letter;
  }
  process(item: string): number | undefined {
    return item.startsWith(this.#letter) ? Number(item.slice(1)) : undefined;
  }
}

class Items extends SourceNode {
  readonly #items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    super();
    this.#items = items;
  }
  *source(): Generator {
    yield* this.#items;
  }
}

/** Items such as `a1` go to the first input of the node, those such as `b1` to the second. */
function joining(fanIn: FanInPolicy | FanIn): Pipeline<string, unknown> {
  return new Pipeline('joining')
    .add(new Letter('a'), { id: 'a' })
    .add(new Letter('b'), { id: 'b' })
    .add(new Pass({ fanIn }), { id: 'join' })
    .connect('a', 'join')
    .connect('b', 'join') as Pipeline<string, unknown>;
}

async function outputsOf(fanIn: FanInPolicy | FanIn, ...items: string[]): Promise<unknown> {
  return joining(fanIn).run(items);
}

describe('inputs that come together', () => {
  it.each<[FanInPolicy | FanIn, readonly string[], readonly unknown[]]>([
    ['merge', ['a1', 'b1', 'a2'], [1, 1, 2]],
    [
      'zip',
      ['a1', 'a2', 'b10', 'b20', 'a3'],
      [
        [1, 10],
        [2, 20],
      ],
    ],
    [
      'latest',
      ['a1', 'a2', 'b10', 'a3', 'b20'],
      [
        [2, 10],
        [3, 10],
        [3, 20],
      ],
    ],
    [
      { policy: 'zip', incomplete: 'pass' },
      ['a1', 'a2', 'b10'],
      [
        [1, 10],
        [2, null],
      ],
    ],
  ])('%o', async (fanIn, items, outputs) => {
    expect(await outputsOf(fanIn, ...items)).toEqual(outputs);
  });

  it('are dropped and counted where nothing fits them', async () => {
    const result = await joining('zip').run(['a1', 'a2', 'a3', 'b1'], { enableMetrics: true });
    expect(result.outputs).toEqual([1, 1]);
    expect(result.metrics.nodeMetrics.at(-1)).toMatchObject({ nodeId: 'join', itemsIn: 1, itemsDropped: 2 });
  });

  it('end as soon as one has ended and nothing more can come of it', async () => {
    const endless = new (class extends SourceNode<number> {
      *source(): Generator<number> {
        for (let item = 0; ; item++) yield item;
      }
    })();
    const pipeline = new Pipeline('ends')
      .add(endless, { id: 'endless' })
      .add(new Items(['x', 'y']), { id: 'short' })
      .add(new Pass({ fanIn: 'zip' }), { id: 'join' })
      .connect('endless', 'join')
      .connect('short', 'join');
    expect(await pipeline.run()).toEqual([
      [0, 'x'],
      [1, 'y'],
    ]);
  });

  it('of one origin do not wait for each other for ever', async () => {
    const items = Array.from({ length: 1000 }, (_, index) => `a${String(index)}`);
    expect(await outputsOf('zip', ...items, 'b7')).toEqual([0, 7]);
  });

  it('of which one never comes fail once too many wait', async () => {
    const failure: unknown = await outputsOf('zip', ...Array.from({ length: 70_000 }, () => 'a1')).catch(
      (error: unknown) => error,
    );
    expect(isRemoteMediaError(failure) && failure.code).toBe('RM_QUEUE_FULL');
    expect(failure).toHaveProperty(
      'message',
      'Node "join" brings its inputs together: 65536 items wait, and none of b has come. Let that node give something for every item, or give fanIn a maxWaitMs.',
    );
  });

  it.each([
    ['zipped', 'fanIn must be one of merge, zip, latest, timestamp, got "zipped".'],
    [
      { policy: 'zip', wait: 3 },
      'fanIn has no "wait"; there are policy, toleranceUs, maxWaitMs, incomplete.',
    ],
    [{ policy: 'zip', maxWaitMs: 0 }, 'fanIn.maxWaitMs must be a number from 1, got 0.'],
  ])('refuse %o', async (fanIn, message) => {
    await expect(outputsOf(fanIn as FanIn, 'a1')).rejects.toThrow(`Node "join": ${message}`);
  });
});

describe('times', () => {
  async function joined(fanIn: FanIn, ...items: [item: string, timestampUs: number][]): Promise<unknown[]> {
    const session = await joining(fanIn).open();
    for (const [item, timestampUs] of items) await session.write(item, { timestampUs });
    return rest(session);
  }

  async function rest<Out>(session: LiveSession<never, Out>): Promise<Out[]> {
    session.end();
    const outputs: Out[] = [];
    for await (const output of session) outputs.push(output);
    return outputs;
  }

  it('bring items together that fit', async () => {
    const outputs = await joined(
      { policy: 'timestamp', toleranceUs: 10 },
      ['a1', 0],
      ['a2', 100],
      ['b1', 5],
      ['b2', 60],
      ['b3', 110],
      ['a3', 200],
    );
    expect(outputs).toEqual([
      [1, 1],
      [2, 3],
    ]);
  });

  it('give lists with gaps where that is asked for', async () => {
    const outputs = await joined(
      { policy: 'timestamp', incomplete: 'pass' },
      ['a1', 0],
      ['a2', 100],
      ['b2', 100],
      ['b3', 200],
    );
    expect(outputs).toEqual([
      [1, null],
      [2, 2],
      [null, 3],
    ]);
  });

  it('that come late wedge nothing', async () => {
    const outputs = await joined(
      { policy: 'timestamp' },
      ['a2', 100],
      ['b2', 100],
      ['a1', 0],
      ['a3', 200],
      ['b3', 200],
    );
    expect(outputs).toEqual([
      [2, 2],
      [3, 3],
    ]);
  });

  it('are waited for no longer than is said', async () => {
    const session = await joining({ policy: 'timestamp', maxWaitMs: 20, incomplete: 'pass' }).open();
    await session.write('a1', { timestampUs: 0 });
    expect(await session.next()).toEqual({ done: false, value: [1, null] });
    expect(await rest(session)).toEqual([]);
  });

  it('are inherited, known to nodes, and may be changed by them', async () => {
    const seen: unknown[] = [];
    class Shift extends Node {
      process(item: unknown, context: NodeContext): unknown {
        seen.push(context.timestampUs);
        context.timestampUs = (context.timestampUs ?? 0) + 5;
        return item;
      }
    }
    class Later extends Node {
      async process(item: unknown, context: NodeContext): Promise<unknown> {
        await Promise.resolve();
        seen.push(context.timestampUs);
        return item;
      }
    }
    const session = await Pipeline.from(new Shift()).pipe(new Later()).pipe(new Shift()).open();
    await session.write('x', { timestampUs: 1000 });
    await rest(session as LiveSession<never, unknown>);
    expect(seen).toEqual([1000, 1005, 1005]);
  });

  it('of media count where none was written', async () => {
    const frame = (timestampUs: number): AudioFrame =>
      new AudioFrame({ data: new Float32Array(4), sampleRate: 8000, timestampUs });
    const pipeline = new Pipeline('media')
      .add(new Items([frame(0), frame(500)]), { id: 'a' })
      .add(new Items([frame(500), frame(900)]), { id: 'b' })
      .add(new Pass({ fanIn: 'timestamp' }), { id: 'join' })
      .connect('a', 'join')
      .connect('b', 'join');
    const frames = (await pipeline.run()) as AudioFrame[];
    expect(frames.map(({ timestampUs }) => timestampUs)).toEqual([500, 500]);
  });

  it('that are missing are an error that says what to do', async () => {
    await expect(joining('timestamp').run(['a1', 'b1'])).rejects.toThrow(
      'Node "join" brings its inputs together by time, and an item has none. Write items with { timestampUs }, give media with a timestampUs, or set context.timestampUs in a node before it.',
    );
  });
});
