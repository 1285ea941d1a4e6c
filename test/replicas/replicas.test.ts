import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { configureHosts, Pipeline, type AnyNode, type NodeError, type PipelineEntry } from 'remotemedia';
import { afterAll, describe, expect, test } from 'vitest';
import { childrenOf } from '../engine/proc.js';

const baseDir = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), 'remotemedia-replicas-'));
const classes = createRequire(import.meta.url)('./nodes.cjs') as Record<
  string,
  new (params?: object) => AnyNode
>;
configureHosts({ maxIdle: 0 });
afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Params = Readonly<Record<string, unknown>>;

interface Settings {
  readonly executor: string;
  readonly replicas?: number;
  readonly concurrency?: number;
  readonly unordered?: boolean;
  readonly failure_policy?: 'skip' | { on_error: 'skip'; retry: { attempts: number; delay_ms: number } };
  readonly group?: string;
  readonly restart?: number;
  readonly fan_in?: 'zip';
}

function entry(type: string, settings: Partial<Settings>, params: Params = {}): PipelineEntry {
  return { id: 'node', node_type: `./nodes.cjs#${type}`, params, replicas: 2, ...settings };
}

function pipelineOf(type: string, settings: Partial<Settings>, params: Params = {}): Pipeline {
  return new Pipeline([entry(type, settings, params)], { baseDir });
}

interface Item {
  readonly id: number;
  readonly outputs: number;
  readonly turns: number;
  readonly form: string;
}

const items = fc
  .array(
    fc.record({
      outputs: fc.constantFrom(0, 1, 1, 2, 5, 40),
      turns: fc.integer({ min: 0, max: 6 }),
      form: fc.constantFrom('sync', 'promise', 'generator'),
    }),
    { maxLength: 60 },
  )
  .map((recipes) => recipes.map((recipe, id): Item => ({ id, ...recipe })));
const settings = fc.record({
  executor: fc.constant('worker'),
  replicas: fc.integer({ min: 2, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
});

function outputsOf(given: readonly Item[]): string[] {
  return given.flatMap(({ id, outputs }) =>
    Array.from({ length: outputs }, (_, index) => `${String(id)}.${String(index)}`),
  );
}

describe('a node with replicas', () => {
  test('gives what it gives alone, in the same order, whatever it drops, multiplies and delays', async () => {
    await fc.assert(
      fc.asyncProperty(items, settings, async (given, place) => {
        const outputs = await collect(pipelineOf('Recipe', place).stream(given));
        expect(outputs).toEqual(outputsOf(given));
      }),
      { numRuns: 15 },
    );
  });

  test('gives the same outputs in any order where it says so; those of one item stay in order', async () => {
    await fc.assert(
      fc.asyncProperty(items, settings, async (given, place) => {
        const outputs = await collect(pipelineOf('Recipe', { ...place, unordered: true }).stream(given));
        expect([...outputs].sort(byItem)).toEqual(outputsOf(given));
      }),
      { numRuns: 10 },
    );
  });

  test.each(['worker', 'process'])('lives in as many hosts, once in each (%s)', async (executor) => {
    const file = join(folder, executor);
    const pipeline = pipelineOf('Journal', { executor, replicas: 3 }, { file });
    const outputs = (await pipeline.run(Array.from({ length: 100 }, () => 'x'))) as unknown[];
    const places = new Set(outputs.slice(0, 100));
    expect(places.size).toBe(3);
    const counts = outputs.slice(100) as { count: number }[];
    expect(counts).toHaveLength(3);
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(100);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    for (const event of ['initialize', 'cleanup']) {
      const where = lines.filter((line) => line.startsWith(event)).map((line) => line.split(' ')[1]);
      expect(new Set(where)).toEqual(places);
      expect(where).toHaveLength(3);
    }
    expect(childrenOf(process.pid)).toEqual([]);
  });

  test('may be a live object: each host has the same snapshot', async () => {
    const { Recipe } = classes as { readonly Recipe: new () => AnyNode };
    const node = Object.assign(new Recipe(), { executor: 'worker', replicas: 2 });
    const given = Array.from({ length: 20 }, (_, id) => ({
      id,
      outputs: id % 3,
      turns: id % 4,
      form: 'sync',
    }));
    expect(await new Pipeline([node]).run(given)).toEqual(outputsOf(given));
  });

  test('goes on with other items while one is slow', async () => {
    const given = Array.from({ length: 10 }, (_, index) => index);
    const file = join(folder, 'slow');
    expect(await pipelineOf('Slow', { executor: 'worker' }, { file }).run(given)).toEqual(given);
  });

  test('fails with the item of its own input, after the outputs of those before', async () => {
    const given = Array.from({ length: 30 }, (_, id) => recipe(id, id === 11 ? 'failing' : 'generator'));
    const outputs: unknown[] = [];
    const running = (async () => {
      for await (const output of pipelineOf('Recipe', { executor: 'worker' }).stream(given))
        outputs.push(output);
    })();
    await expect(running).rejects.toMatchObject({
      nodeId: 'node',
      phase: 'process',
      itemIndex: 11,
      cause: { name: 'RangeError', message: 'item 11' },
    });
    expect(outputs).toEqual(outputsOf(given.slice(0, 11)));
  });

  test('skips the items that it fails for, which become dead letters', async () => {
    const given = Array.from({ length: 30 }, (_, id) => recipe(id, id % 7 === 3 ? 'failing' : 'promise'));
    const letters: unknown[] = [];
    const pipeline = pipelineOf('Recipe', { executor: 'worker', failure_policy: 'skip' });
    const outputs = await pipeline.run(given, {
      onDeadLetter: ({ nodeId, itemIndex, item }) => letters.push([nodeId, itemIndex, item]),
    });
    expect(outputs).toEqual(outputsOf(given.filter(({ form }) => form !== 'failing')));
    expect(letters).toEqual([3, 10, 17, 24].map((id) => ['node', id, given[id]]));
  });

  test('is called again where it has failed as often as its policy says, and not by its replicas as well', async () => {
    const file = join(folder, 'calls');
    const policy = { on_error: 'skip', retry: { attempts: 2, delay_ms: 0 } } as const;
    const pipeline = pipelineOf('Stubborn', { executor: 'worker', failure_policy: policy }, { file });
    const letters: unknown[] = [];
    await pipeline.run(['a'], { onDeadLetter: ({ item }) => letters.push(item) });
    expect(letters).toEqual(['a']);
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(3);
  });

  test('counts items as one node', async () => {
    const given = Array.from({ length: 9 }, (_, id) => recipe(id, 'sync', 2));
    const pipeline = pipelineOf('Recipe', { executor: 'worker' });
    const { metrics } = await pipeline.run(given, { enableMetrics: true });
    expect(metrics.nodeMetrics).toMatchObject([{ nodeId: 'node', itemsIn: 9, itemsOut: 18, errors: 0 }]);
  });

  test.each(['flush', 'cleanup'])('fails with what %s of one of them fails with', async (where) => {
    const running = pipelineOf('Failing', { executor: 'worker' }, { where }).run([1, 2, 3]);
    await expect(running).rejects.toMatchObject({
      nodeId: 'node',
      phase: where,
      cause: { name: 'TypeError', message: `no ${where}` },
    });
  });

  test('that cannot be initialized leaves nothing', async () => {
    await expect(pipelineOf('Refusing', { executor: 'process' }).run([1])).rejects.toMatchObject({
      nodeId: 'node',
      phase: 'initialize',
      cause: { name: 'TypeError', message: 'no model' },
    });
    expect(childrenOf(process.pid)).toEqual([]);
  });

  test('is cancelled as a whole', async () => {
    const controller = new AbortController();
    const stream = pipelineOf('Talk', { executor: 'process' }).stream(['wait', 'wait', 'wait'], {
      signal: controller.signal,
    });
    expect((await stream.next()).value).toBe('wait begins');
    controller.abort(new Error('enough'));
    await expect(stream.next()).rejects.toThrow('enough');
    expect(childrenOf(process.pid)).toEqual([]);
  });
});

describe('in a live session, a node with replicas', () => {
  test.each(['worker', 'process'])('lets go of what is interrupted (%s)', async (executor) => {
    await using session = await pipelineOf('Talk', { executor }).open();
    for (let round = 0; round < 20; round++) {
      for (let count = 0; count < 5; count++) void session.write('wait');
      expect((await session.next()).value).toBe('wait begins');
      session.interrupt();
      await session.write(`round ${String(round)}`);
      expect((await session.next()).value).toBe(`round ${String(round)} begins`);
    }
  });

  test('may interrupt the session, and let its item survive', async () => {
    await using session = await pipelineOf('Talk', { executor: 'worker' }).open();
    await session.write('wait');
    expect((await session.next()).value).toBe('wait begins');
    await session.write('keep');
    await session.write('barge in');
    expect((await session.next()).value).toBe('keep begins');
    expect((await session.next()).value).toBe('barge in begins');
  });
});

test('presentation times go to the replicas and come from them, each with the outputs behind it', async () => {
  const seen: AnyNode = {
    initialize: () => undefined,
    process: (item: unknown, context) => [item, context.timestampUs],
  };
  await using session = await new Pipeline([entry('Clock', { executor: 'worker' }), seen], {
    baseDir,
  }).open();
  await session.write('a', { timestampUs: 1000 });
  await session.write('b', { timestampUs: 2000 });
  session.end();
  expect(await collect(session)).toEqual([
    ['a at 1000', 1000],
    ['a then', 1005],
    ['a last', 1010],
    ['b at 2000', 2000],
    ['b then', 2005],
    ['b last', 2010],
  ]);
});

test('a session with replicas can be changed, and others can be added to it', async () => {
  const { Mark } = classes as { readonly Mark: new (params: object) => AnyNode };
  const session = await pipelineOf('Mark', { executor: 'worker' }, { mark: 'a' }).open();
  const outputs = collect(session);
  await session.write('1');
  const added = Object.assign(new Mark({ mark: 'b' }), { executor: 'worker', replicas: 2 });
  const id = await session.insert(added, { after: 'node' });
  await session.write('2');
  await session.write('3');
  await session.replace(id, Object.assign(new Mark({ mark: 'c' }), { executor: 'worker', replicas: 2 }));
  await session.write('4');
  await session.remove('node');
  await session.write('5');
  session.end();
  const all = (await outputs) as string[];
  expect(all.filter((output) => !output.includes(' of '))).toEqual(['1a', '2ab', '3ab', '4ac', '5c']);
  // Two replicas of each had what there was; those of the first pass what is counted on to what was behind them.
  expect(all.filter((output) => output.endsWith(' of b'))).toHaveLength(2);
  expect(all.filter((output) => output.endsWith(' of ac'))).toHaveLength(2);
  expect(all.filter((output) => output.endsWith(' of c'))).toHaveLength(2);
});

describe('a replica that dies', () => {
  test('ends the run, which names it', async () => {
    const running = pipelineOf('Mortal', { executor: 'process' }).run(['a', 'die', 'b']);
    const error = (await running.catch((failure: unknown) => failure)) as NodeError;
    expect(error).toMatchObject({ nodeId: 'node', itemIndex: 1, cause: { code: 'RM_HOST_DIED' } });
    expect(String(error.cause)).toMatch(/process:node#[01]/);
  });

  test('leaves its items to the others where they are skipped', async () => {
    const pipeline = pipelineOf('Mortal', { executor: 'process', failure_policy: 'skip' });
    const letters: unknown[] = [];
    const session = await pipeline.open({ onDeadLetter: ({ item }) => letters.push(item) });
    await session.write('die');
    await session.write('a');
    expect((await session.next()).value).toBe('a');
    await session.write('b');
    expect((await session.next()).value).toBe('b');
    session.end();
    expect(await collect(session)).toEqual([]);
    await session.done;
    expect(letters).toContain('die');
  });
});

describe('replicas are refused', () => {
  test.each<[string, PipelineEntry[], string]>([
    ['in this program', [entry('Recipe', {})], 'replicas: 2 is for nodes in hosts of their own'],
    [
      'in a group',
      [entry('Recipe', { executor: 'worker', group: 'g' })],
      'replicas: 2 is for nodes in hosts of their own, and this one has a group',
    ],
    [
      'for a streaming node',
      [entry('Streaming', { executor: 'worker' })],
      'replicas is for nodes that take one item at a time, and this is a streaming node',
    ],
    [
      'with a restart policy',
      [entry('Recipe', { executor: 'worker', restart: 2 })],
      'replicas: 2 is for nodes whose hosts are not started again',
    ],
    [
      'with inputs that come together',
      [entry('Recipe', { executor: 'worker', fan_in: 'zip' })],
      'and this one brings its inputs together (zip)',
    ],
    ['below one', [entry('Recipe', { executor: 'worker', replicas: 0 })], 'replicas'],
  ])('%s', async (_, entries, message) => {
    await expect(new Pipeline(entries, { baseDir }).run([1])).rejects.toThrow(message);
  });

  test('for an object at two places, and for one whose state is to come home', async () => {
    const { Recipe } = classes as { readonly Recipe: new () => AnyNode };
    const node = Object.assign(new Recipe(), { executor: 'worker', replicas: 2 });
    await expect(new Pipeline([node, node]).run([1])).rejects.toThrow('is for an object at one place');
    await expect(new Pipeline([node]).run([1], { returnState: true })).rejects.toThrow(
      'leaves no single state that could come home',
    );
  });
});

test('a plan says that there are replicas, and makes none', async () => {
  const plan = await pipelineOf('Recipe', { executor: 'process', replicas: 4 }).plan();
  expect(plan.segments).toHaveLength(1);
  expect(plan.nodes.find(({ id }) => id === 'node')).toMatchObject({
    type: './nodes.cjs#Recipe',
    why: 'gives the items to 4 replicas, each in a host of its own (process)',
  });
  expect(childrenOf(process.pid)).toEqual([]);
});

function recipe(id: number, form: string, outputs = 1): Item {
  return { id, outputs, turns: id % 3, form };
}

function byItem(a: unknown, b: unknown): number {
  return Number.parseInt(String(a), 10) - Number.parseInt(String(b), 10);
}

async function collect<T>(outputs: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const output of outputs) all.push(output);
  return all;
}
