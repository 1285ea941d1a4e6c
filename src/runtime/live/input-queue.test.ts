import { afterEach, describe, expect, it, vi } from 'vitest';
import { Node, StreamingNode, type AnyNode, type QueueLimits, type WhenFull } from '../../node/index.js';
import type { LiveSession } from './live-session.js';
import { pipelineToManifest, validateManifest } from '../../manifest/index.js';
import { withInserted, withRemoved } from './graph-changes.js';
import { Pipeline } from '../pipeline.js';

/** Works on one item after the other, each until it, or an item before it that was not there yet, is let go. */
class Held extends Node {
  readonly #waiting: (() => void)[] = [];
  #permits = 0;
  letGo(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#permits++;
    else next();
  }
  async process(item: unknown): Promise<unknown> {
    if (this.#permits > 0) this.#permits--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return item;
  }
}

/** Tells when so many items have come through; by then they have come to the node behind it. */
class Through extends Node {
  #left = 0;
  #tell: () => void = () => undefined;
  passed(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => (this.#tell = resolve));
  }
  process(item: unknown): unknown {
    if (--this.#left === 0) queueMicrotask(this.#tell);
    return item;
  }
}

interface Opened {
  readonly session: LiveSession<unknown, unknown>;
  readonly held: Letting;
  /** Writes items and waits until they are where they wait. */
  write(...items: unknown[]): Promise<void>;
}

async function opened(inputQueue: WhenFull | QueueLimits): Promise<Opened> {
  const [through, held] = [new Through(), new Held({ inputQueue })];
  const session = await Pipeline.from(through).pipe(held).open();
  const write = async (...items: unknown[]): Promise<void> => {
    const passed = through.passed(items.length);
    for (const item of items) void session.write(item);
    await passed;
  };
  return { session, held, write };
}

async function rest({ session, held }: Opened): Promise<unknown[]> {
  session.end();
  const outputs: unknown[] = [];
  held.letGo();
  for await (const output of session) {
    outputs.push(output);
    held.letGo();
  }
  return outputs;
}

function dropped({ session }: Opened): number | undefined {
  return session.metrics().nodeMetrics.at(-1)?.itemsDropped;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('an item that finds the queue of a node full', () => {
  it('makes the oldest one go', async () => {
    const made = await opened({ maxItems: 2, whenFull: 'drop-oldest' });
    await made.write(1, 2, 3, 4, 5);
    expect(dropped(made)).toBe(2);
    expect(await rest(made)).toEqual([1, 4, 5]);
  });

  it('goes itself', async () => {
    const made = await opened({ maxItems: 2, whenFull: 'drop-newest' });
    await made.write(1, 2, 3, 4, 5);
    expect(dropped(made)).toBe(2);
    expect(await rest(made)).toEqual([1, 2, 3]);
  });

  it('takes the place of all that wait', async () => {
    const made = await opened('latest');
    await made.write(1, 2, 3, 4, 5);
    expect(dropped(made)).toBe(3);
    expect(await rest(made)).toEqual([1, 5]);
  });

  it('makes room for its bytes', async () => {
    const made = await opened({ maxBytes: 2000, whenFull: 'drop-oldest' });
    const arrays = Array.from({ length: 5 }, () => new Float64Array(100));
    await made.write(...arrays);
    expect(dropped(made)).toBe(2);
    expect(await rest(made)).toEqual([arrays[0], arrays[3], arrays[4]]);
  });

  it('makes those before it wait, and nothing is dropped', async () => {
    const slow = new (class extends Node<number, number> {
      async process(item: number): Promise<number> {
        await new Promise((resolve) => setImmediate(resolve));
        return item;
      }
    })({ inputQueue: { maxItems: 2 } });
    const items = Array.from({ length: 20 }, (_, item) => item);
    const result = await Pipeline.from(slow).run(items, { enableMetrics: true });
    expect(result.outputs).toEqual(items);
    expect(result.metrics.nodeMetrics[0]).toMatchObject({ itemsDropped: 0, maxQueueDepth: 2 });
  });

  it('takes the place of what waits for a sync node that is held up', async () => {
    const [through, sync, held] = [new Through(), new Through({ inputQueue: 'latest' }), new Held()];
    const session = await Pipeline.from(through).pipe(sync).pipe(held).open();
    const items = Array.from({ length: 100 }, (_, item) => item);
    const passed = through.passed(items.length);
    for (const item of items) void session.write(item);
    await passed;
    const outputs = await rest({ session, held, write: () => passed });
    expect(outputs.at(-1)).toBe(99);
    expect(session.metrics().nodeMetrics[1]?.itemsDropped).toBe(100 - outputs.length);
  });

  it('takes the place of what waits for a streaming node', async () => {
    const through = new Through();
    let letGo: () => void = () => undefined;
    const isFree = new Promise<void>((resolve) => (letGo = resolve));
    const reader = new (class extends StreamingNode {
      async *stream(input: AsyncIterable<unknown>): AsyncGenerator {
        for await (const item of input) {
          yield item;
          await isFree;
        }
      }
    })({ inputQueue: 'latest' });
    const session = await Pipeline.from(through).pipe(reader).open();
    await session.write(0);
    expect(await session.next()).toEqual({ done: false, value: 0 });
    const passed = through.passed(4);
    for (const item of [1, 2, 3, 4]) void session.write(item);
    await passed;
    letGo();
    session.end();
    const outputs: unknown[] = [];
    for await (const output of session) outputs.push(output);
    expect(outputs).toEqual([4]);
    expect(session.metrics().nodeMetrics[1]?.itemsDropped).toBe(3);
  });
});

describe('an item that has waited', () => {
  it('for too long is dropped when its turn comes', async () => {
    const made = await opened({ maxAgeMs: 100 });
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    await made.write('a', 'b');
    now = 101;
    await made.write('c');
    expect(await rest(made)).toEqual(['a', 'c']);
    expect(dropped(made)).toBe(1);
  });
});

describe('an urgent item', () => {
  it('goes before all that waits, and is not dropped', async () => {
    const made = await opened({ maxItems: 2, whenFull: 'drop-newest' });
    await made.write(1, 2, 3);
    for (const item of ['stop', 'now']) void made.session.write(item, { urgent: true });
    await made.write(4);
    expect(await rest(made)).toEqual([1, 'stop', 'now', 2, 3]);
    expect(dropped(made)).toBe(1);
  });

  it('is not dropped to make room for others', async () => {
    const made = await opened('latest');
    await made.write(1);
    void made.session.write('stop', { urgent: true });
    await made.write(2, 3);
    expect(await rest(made)).toEqual([1, 'stop', 3]);
  });
});

/** Takes numbers or texts only. */
class Only extends Node {
  readonly #type: string;
  constructor(type: string) {
    super();
    this.#type = type;
  }
  process(item: unknown): unknown {
    return typeof item === this.#type ? item : undefined;
  }
}

/** Lets go of what it holds. */
interface Letting {
  letGo(): void;
}

/** Numbers come to the last node by one edge, with a queue, texts by another. */
async function twoEdges(held: AnyNode & Letting, queue: WhenFull | QueueLimits): Promise<Opened> {
  const through = new Through();
  const pipeline = new Pipeline('two edges')
    .add(through, { id: 'through' })
    .add(new Only('number'), { id: 'numbers' })
    .add(new Only('string'), { id: 'texts' })
    .add(held, { id: 'held' })
    .connect('through', 'numbers')
    .connect('through', 'texts')
    .connect('numbers', 'held', { queue })
    .connect('texts', 'held');
  const session = await pipeline.open();
  const write = async (...items: unknown[]): Promise<void> => {
    const passed = through.passed(items.length);
    for (const item of items) void session.write(item);
    await passed;
  };
  return { session, held, write };
}

describe('an edge with a queue of its own', () => {
  it('drops what comes by it alone, and all that is left goes in the order in which it came', async () => {
    const made = await twoEdges(new Held(), 'latest');
    await made.write('a', 1, 'b', 2, 3, 'c', 4, 'd', 5);
    expect(dropped(made)).toBe(4);
    expect(await rest(made)).toEqual(['a', 'b', 'c', 'd', 5]);
  });

  it('loses nothing where it blocks and all else is dropped', async () => {
    const made = await twoEdges(new Held({ inputQueue: 'latest' }), { maxItems: 3 });
    await made.write('a', 1, 'b', 'c', 2, 'd');
    expect(await rest(made)).toEqual(['a', 1, 2, 'd']);
    expect(dropped(made)).toBe(2);
  });

  it('lets urgent items overtake those of other edges', async () => {
    const made = await twoEdges(new Held(), 'latest');
    await made.write('a', 'b', 1);
    void made.session.write(2, { urgent: true });
    await made.write('c');
    expect(await rest(made)).toEqual(['a', 2, 'b', 1, 'c']);
  });

  it('forgets what was interrupted, and makes room', async () => {
    const made = await twoEdges(new Held(), { maxItems: 2 });
    await made.write('a', 1, 2);
    made.session.interrupt();
    await made.write(3);
    // What was interrupted has to return before the next one begins.
    made.held.letGo();
    expect(await rest(made)).toEqual([3]);
    expect(dropped(made)).toBe(0);
  });

  it('stands before a streaming node', async () => {
    let letGo: () => void = () => undefined;
    const isFree = new Promise<void>((resolve) => (letGo = resolve));
    const reader = new (class extends StreamingNode {
      letGo(): void {
        letGo();
      }
      async *stream(input: AsyncIterable<unknown>): AsyncGenerator {
        for await (const item of input) {
          yield item;
          await isFree;
        }
      }
    })();
    const made = await twoEdges(reader, 'latest');
    await made.session.write('a');
    expect(await made.session.next()).toEqual({ done: false, value: 'a' });
    await made.write('b', 1, 2, 3);
    expect(await rest(made)).toEqual(['b', 3]);
    expect(dropped(made)).toBe(2);
  });

  it('stands before what brings inputs together, whose list alone waits for the node', async () => {
    const made = await twoEdges(new Held({ fanIn: 'latest' }), 'latest');
    await made.write('a', 1, 2, 3, 4, 5);
    // One is worked on, the next one waits as a list.
    expect(await rest(made)).toEqual([
      [1, 'a'],
      [2, 'a'],
      [5, 'a'],
    ]);
    expect(dropped(made)).toBe(2);
  });

  it('keeps a node before it waiting no longer than that node lives', async () => {
    const failing = new (class extends Node {
      process(): never {
        throw new RangeError('no');
      }
    })();
    const pipeline = new Pipeline('failing')
      .add(new Through(), { id: 'through' })
      .add(failing, { id: 'failing' })
      .connect('through', 'failing', { queue: { maxItems: 1 } });
    await expect(pipeline.run([1, 2, 3, 4])).rejects.toThrow('no');
  });

  it.each([
    [{ maxItems: 0 }, 'connections[1].queue.maxItems must be a whole number of at least 1, got 0.'],
    ['newest', 'connections[1].queue must be an object or one of'],
  ])('is refused as %o, with its place', (queue, message) => {
    const pipeline = new Pipeline('wrong').connect(new Only('number'), new Through());
    expect(() => pipeline.connect(new Only('string'), new Held(), { queue: queue as WhenFull })).toThrow(
      message,
    );
  });

  it('is written to a manifest and read from it', () => {
    const manifest = validateManifest({
      version: 'v1',
      nodes: [
        { id: 'a', instance: new Through() },
        { id: 'b', instance: new Held() },
      ],
      connections: [{ from: 'a', to: 'b', queue: { max_items: 2, when_full: 'drop-oldest' } }],
    });
    expect(Pipeline.fromManifest(manifest).definition().connections).toEqual(manifest.connections);
    const nodes = ['a', 'b'].map((id) => ({ id, type: 'Held', params: {} }));
    const written = pipelineToManifest({ name: 'written', nodes, connections: manifest.connections });
    expect(written.connections).toEqual(manifest.connections);
  });

  it('is named by its place where a manifest states a wrong one', () => {
    const wrong = {
      version: 'v1',
      nodes: [
        { id: 'a', node_type: 'PassThrough' },
        { id: 'b', node_type: 'PassThrough' },
      ],
      connections: [{ from: 'a', to: 'b', queue: { max_items: 0 } }],
    };
    expect(() => validateManifest(wrong)).toThrow('connections[0].queue');
  });

  it('stays in front of the node that takes when others are inserted or removed', () => {
    const queue = 'latest' as const;
    const definition = new Pipeline([new Through(), new Held()]).definition();
    const before = { ...definition, connections: [{ from: 'Through_0', to: 'Held_1', queue }] };
    const entry = { instance: new Through() };
    const inserted = withInserted(before, { id: 'new', entry }, { before: 'Held_1' });
    const behind = withInserted(before, { id: 'new', entry }, { after: 'Through_0' });
    const link = { from: 'new', to: 'Held_1', queue };
    expect(inserted.connections).toEqual([{ from: 'Through_0', to: 'new' }, link]);
    expect(behind.connections).toEqual([link, { from: 'Through_0', to: 'new' }]);
    expect(withRemoved(inserted, 'new').connections).toEqual(before.connections);
  });
});

describe('the input of a session', () => {
  it('may have limits of its own', async () => {
    const held = new Held({ inputQueue: { maxItems: 1 } });
    const session = await Pipeline.from(held).open({ inputQueue: 'latest' });
    // The first is worked on, the second waits for the node, the third waits for the second.
    for (let item = 0; item < 10; item++) void session.write(item);
    expect(session.tryWrite(10)).toBe(true);
    const outputs = await rest({ session, held, write: () => Promise.resolve() });
    expect(outputs.at(-1)).toBe(10);
    expect(session.dropped).toBe(11 - outputs.length);
    expect(session.dropped).toBeGreaterThan(0);
  });

  it.each([
    [{ maxItems: 0 }, 'inputQueue.maxItems must be a whole number of at least 1, got 0.'],
    [
      'newest',
      'inputQueue must be an object or one of block, drop-oldest, drop-newest, latest, got "newest".',
    ],
    [{ items: 3 }, 'inputQueue has no "items"; there are maxItems, maxBytes, maxAgeMs, whenFull.'],
  ])('refuses %o', async (inputQueue, message) => {
    await expect(Pipeline.from(new Held()).open({ inputQueue: inputQueue as QueueLimits })).rejects.toThrow(
      message,
    );
  });
});
