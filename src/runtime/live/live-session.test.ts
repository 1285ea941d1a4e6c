import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Node, SourceNode, StreamingNode, type NodeContext } from '../../node/index.js';
import { Pipeline } from '../pipeline.js';

class Journal extends Node<number, number> {
  readonly entries: string[] = [];
  override initialize(): void {
    this.entries.push('initialize');
  }
  process(value: number): number {
    this.entries.push(`process ${String(value)}`);
    return value * 2;
  }
  override flush(): number {
    return -1;
  }
  override cleanup(): void {
    this.entries.push('cleanup');
  }
}

class Fail extends Node<number, number> {
  process(value: number): number {
    if (value < 0) throw new RangeError('below zero');
    return value;
  }
}

/** Holds each item until it is let go. */
class Hold extends Node<number, number> {
  readonly entered: Promise<void>;
  #enter: () => void = () => undefined;
  letGo: () => void = () => undefined;
  #free: Promise<void>;
  constructor() {
    super();
    this.entered = new Promise((resolve) => (this.#enter = resolve));
    this.#free = new Promise((resolve) => (this.letGo = resolve));
  }
  async process(value: number, { signal }: NodeContext): Promise<number> {
    this.#enter();
    const leave = new AbortController();
    const aborted = once(signal, 'abort', { signal: leave.signal }).catch(() => undefined);
    await Promise.race([this.#free, aborted]);
    leave.abort();
    return value;
  }
}

async function outputsOf<Out>(session: AsyncIterable<Out>): Promise<Out[]> {
  const outputs: Out[] = [];
  for await (const output of session) outputs.push(output);
  return outputs;
}

describe('a live session', () => {
  it('has prepared everything when it is there, takes items as they come, and flushes at its end', async () => {
    const node = new Journal();
    const session = await Pipeline.from(node).open();
    expect(node.entries).toEqual(['initialize']);
    await session.write(1);
    expect(await session.next()).toEqual({ done: false, value: 2 });
    await session.write(2);
    expect(await session.next()).toEqual({ done: false, value: 4 });
    session.end();
    session.end();
    expect(await outputsOf(session)).toEqual([-1]);
    await session.done;
    expect(node.entries).toEqual(['initialize', 'process 1', 'process 2', 'cleanup']);
  });

  it('is not opened where an initialize fails', async () => {
    const good = new Journal();
    class Broken extends Node {
      override initialize(): void {
        throw new RangeError('no model');
      }
      process(): void {
        throw new Error('never called');
      }
    }
    await expect(new Pipeline([good, new Broken()]).open()).rejects.toMatchObject({
      code: 'RM_NODE_FAILED',
      nodeId: 'Broken_1',
      phase: 'initialize',
    });
    expect(good.entries).toEqual(['initialize', 'cleanup']);
  });

  it('holds a writer up while there is no room', async () => {
    const hold = new Hold();
    const session = await Pipeline.from(hold).open({ maxPending: 2 });
    const writes: unknown[] = [];
    while (session.tryWrite(writes.length)) {
      writes.push(writes.length);
      // Gives the nodes the chance to take what they can.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const waiting = session.write(writes.length);
    expect(waiting).toBeInstanceOf(Promise);
    hold.letGo();
    const outputs = outputsOf(session);
    await waiting;
    session.end();
    expect(await outputs).toEqual([...writes, writes.length]);
  });

  it('takes nothing after its end, and says so', async () => {
    const session = await Pipeline.from(new Journal()).open();
    session.end();
    expect(() => session.write(1)).toThrow(
      expect.objectContaining({ code: 'RM_SESSION_ENDED', message: expect.stringContaining('end()') }),
    );
    await outputsOf(session);
    expect(() => session.tryWrite(1)).toThrow(expect.objectContaining({ code: 'RM_SESSION_ENDED' }));
  });

  it('refuses what is no item, without ending', async () => {
    const session = await new Pipeline<unknown>([new Journal()]).open();
    expect(() => session.write(undefined)).toThrow(expect.objectContaining({ code: 'RM_INVALID_INPUT' }));
    await session.write(3);
    expect(await session.next()).toEqual({ done: false, value: 6 });
    await session.cancel();
  });

  it('gives the outputs before a failure, then the failure, to reader, writer and whoever waits for the end', async () => {
    const session = await Pipeline.from(new Fail()).open();
    void session.write(1);
    void session.write(-1);
    expect(await session.next()).toEqual({ done: false, value: 1 });
    const failure = { code: 'RM_NODE_FAILED', nodeId: 'Fail_0', itemIndex: 1 };
    await expect(session.next()).rejects.toMatchObject(failure);
    await expect(session.done).rejects.toMatchObject(failure);
    expect(() => session.write(2)).toThrow(
      expect.objectContaining({ code: 'RM_SESSION_ENDED', cause: expect.objectContaining(failure) }),
    );
  });

  it('lets no writer wait for ever', async () => {
    const hold = new Hold();
    const session = await Pipeline.from(hold).open({ maxPending: 1 });
    void session.write(1);
    await hold.entered;
    let waiting = session.write(2);
    while (waiting === undefined) waiting = session.write(2);
    const reason = new Error('hung up');
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'RM_SESSION_ENDED', cause: reason }),
      session.cancel(reason),
    ]);
    await expect(session.done).rejects.toBe(reason);
    expect(await session.next()).toEqual({ done: true, value: undefined });
  });

  it('is cancelled by its signal', async () => {
    const controller = new AbortController();
    const hold = new Hold();
    const session = await Pipeline.from(hold).open({ signal: controller.signal });
    void session.write(1);
    await hold.entered;
    controller.abort(new Error('enough'));
    await expect(session.next()).rejects.toThrow('enough');
    await expect(session.done).rejects.toThrow('enough');
  });

  it('is cancelled at the end of its block, and by leaving the loop over its outputs', async () => {
    const node = new Journal();
    const pipeline = Pipeline.from(node);
    const disposed = await pipeline.open();
    void disposed.write(1);
    await disposed[Symbol.asyncDispose]();
    expect(node.entries.at(-1)).toBe('cleanup');
    const left = await pipeline.open();
    void left.write(1);
    for await (const output of left) {
      expect(output).toBe(2);
      break;
    }
    expect(() => left.write(1)).toThrow(expect.objectContaining({ code: 'RM_SESSION_ENDED' }));
    await expect(left.done).rejects.toThrow('cancelled');
  });

  it('may be disposed of after its end', async () => {
    const session = await Pipeline.from(new Journal()).open();
    session.end();
    await outputsOf(session);
    await session[Symbol.asyncDispose]();
    await expect(session.done).resolves.toBeUndefined();
  });

  it('shares live nodes with others, which are initialized once and cleaned up after the last', async () => {
    const node = new Journal();
    const pipeline = Pipeline.from(node);
    const sessions = await Promise.all(Array.from({ length: 50 }, () => pipeline.open()));
    for (const [index, session] of sessions.entries()) void session.write(index);
    const outputs = await Promise.all(sessions.map((session) => session.next()));
    expect(outputs.map(({ value }) => value as number)).toEqual(sessions.map((_, index) => 2 * index));
    for (const session of sessions) session.end();
    await Promise.all(sessions.map(outputsOf));
    expect(node.entries.filter((entry) => !entry.startsWith('process'))).toEqual(['initialize', 'cleanup']);
  });

  it('of sources only gives outputs and takes no input', async () => {
    class Count extends SourceNode<number> {
      override *source(): Generator<number> {
        yield* [1, 2, 3];
      }
    }
    const session = await new Pipeline<unknown, number>([new Count()]).open();
    expect(() => session.write(1)).toThrow(expect.objectContaining({ code: 'RM_INVALID_INPUT' }));
    expect(await outputsOf(session)).toEqual([1, 2, 3]);
  });

  it('feeds streaming nodes', async () => {
    class Sum extends StreamingNode<number, number> {
      async *stream(input: AsyncIterable<number>): AsyncGenerator<number> {
        let sum = 0;
        for await (const value of input) yield (sum += value);
      }
    }
    const session = await Pipeline.from(new Sum()).open();
    for (const [value, sum] of [
      [1, 1],
      [2, 3],
      [3, 6],
    ] as const) {
      await session.write(value);
      expect(await session.next()).toEqual({ done: false, value: sum });
    }
    session.end();
    expect(await outputsOf(session)).toEqual([]);
  });

  it('is a pair of web streams', async () => {
    const session = await Pipeline.from(new Journal()).open();
    const source = new ReadableStream<number>({
      start(controller) {
        for (const value of [1, 2, 3]) controller.enqueue(value);
        controller.close();
      },
    });
    expect(await outputsOf(source.pipeThrough(session))).toEqual([2, 4, 6, -1]);
  });

  it('is a Node.js stream by way of these', async () => {
    const session = await Pipeline.from(new Journal()).open();
    const duplex = Duplex.fromWeb(session, { objectMode: true });
    duplex.write(4);
    duplex.end(5);
    expect(await outputsOf(duplex)).toEqual([8, 10, -1]);
  });

  it('tells its writing stream of a failure', async () => {
    const session = await Pipeline.from(new Fail()).open();
    const writer = session.writable.getWriter();
    await writer.write(-1);
    await expect(writer.closed).rejects.toMatchObject({ code: 'RM_NODE_FAILED' });
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses maxPending %s', async (maxPending) => {
    await expect(Pipeline.from(new Journal()).open({ maxPending })).rejects.toMatchObject({
      code: 'RM_INVALID_ARGUMENT',
    });
  });

  it('counts while it is open', async () => {
    const session = await Pipeline.from(new Journal()).open({ enableMetrics: true });
    await session.write(1);
    await session.next();
    expect(session.metrics().nodeMetrics).toMatchObject([{ nodeId: 'Journal_0', itemsIn: 1, itemsOut: 1 }]);
    await session.cancel();
  });
});
