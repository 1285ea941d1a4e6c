import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AudioFrame,
  configureHosts,
  HostDiedError,
  Pipeline,
  type DeadLetter,
  type Logger,
  type OpenOptions,
  type RestartPolicy,
  type SessionAccount,
} from 'remotemedia';
import { describe, expect, test } from 'vitest';
import { gone } from '../engine/proc.js';
import { randomOf } from '../kills/programs/load.mjs';

// None is kept for later: those that were started are gone at the end.
configureHosts({ maxIdle: 0 });

/** What the nodes say of an item. */
interface Seen {
  readonly n: number;
  readonly pid: number;
  readonly isInitialized: boolean;
}

const KILLS = 5;
const ITEMS = 1000;

interface Place {
  readonly type: string;
  readonly executor?: 'process' | 'worker' | 'in-process';
  readonly restart?: number | RestartPolicy;
  readonly [setting: string]: unknown;
}

function pipelineOf({ type, executor = 'process', restart = 100, ...settings }: Place): Pipeline {
  const node_type = join(import.meta.dirname, type);
  return Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'restarts' },
    nodes: [{ id: 'node', node_type, executor, restart, params: {}, ...settings }],
    connections: [],
  });
}

/** Calls a function when a host is about to be started again. */
function atRestart(act: () => void): Logger {
  const nothing = (): void => undefined;
  const warn = (message: string): void => {
    if (message.includes('is started again')) act();
  };
  return { debug: nothing, info: nothing, warn, error: nothing };
}

/** Writes numbers, kills the host now and then, and gives what comes out, with the processes that it came from. */
async function runWithKills(
  pipeline: Pipeline,
  seed: number,
  options: OpenOptions = {},
  itemOf: (n: number) => unknown = (n) => n,
): Promise<{ readonly outputs: number[]; readonly pids: number[]; readonly account: SessionAccount }> {
  const random = randomOf(seed);
  const session = await pipeline.open({ ...options, accounting: true });
  const writing = (async () => {
    for (let n = 0; n < ITEMS; n++) await session.write(itemOf(n));
    session.end();
  })();
  const outputs: number[] = [];
  const pids: number[] = [];
  const nextKill = (): number => outputs.length + Math.floor((random() * ITEMS) / (KILLS + 2));
  let killAt = nextKill();
  for await (const seen of session as AsyncIterable<Seen>) {
    outputs.push(seen.n);
    expect(seen.isInitialized).toBe(true);
    if (!pids.includes(seen.pid)) pids.push(seen.pid);
    if (pids.length > KILLS || outputs.length < killAt) continue;
    // What it had given before it died still comes.
    if (seen.pid !== pids.at(-1)) continue;
    killAt = nextKill() + 1;
    kill(seen.pid);
  }
  await writing;
  await session.done;
  for (const pid of pids) await gone(pid);
  const account = session.account();
  expect([account.inputs, account.pending]).toEqual([ITEMS, 0]);
  return { outputs, pids, account };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // An output of a process that is dead already.
  }
}

const all = Array.from({ length: ITEMS }, (_, n) => n);

function sorted(numbers: Iterable<number>): number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

describe('a host that is killed in the middle of a thousand items', () => {
  test.each<[string, Place, readonly number[]]>([
    ['a sync TypeScript node', { type: './nodes.mjs#One' }, all],
    ['an async TypeScript node', { type: './nodes.mjs#Later', concurrency: 4 }, all],
    [
      'a TypeScript node without an order',
      { type: './nodes.mjs#Later', concurrency: 4, unordered: true },
      all,
    ],
    ['a TypeScript node that gives two', { type: './nodes.mjs#Two' }, all.flatMap((n) => [n, n + 0.5])],
    ['a TypeScript node that filters', { type: './nodes.mjs#Even' }, all.filter((n) => n % 2 === 0)],
    ['a sync Python node', { type: './nodes.py#One' }, all],
    ['an async Python node', { type: './nodes.py#Later', concurrency: 4 }, all],
    ['a Python node that gives two', { type: './nodes.py#Two' }, all.flatMap((n) => [n, n + 0.5])],
    [
      'an async Python node that gives two',
      { type: './nodes.py#TwoLater' },
      all.flatMap((n) => [n, n + 0.5]),
    ],
    ['a Python node that filters', { type: './nodes.py#Even' }, all.filter((n) => n % 2 === 0)],
  ])('is started again, and all items come: %s', async (_, place, expected) => {
    const { outputs, pids, account } = await runWithKills(pipelineOf(place), 1);
    expect(sorted(outputs)).toEqual(expected);
    expect([account.answered, account.losses]).toEqual([new Set(expected.map(Math.floor)).size, []]);
    expect(pids.length).toBeGreaterThan(1);
  });

  test.each(['./nodes.mjs#One', './nodes.py#One'])(
    'reports what was in it where that is asked for: %s',
    async (type) => {
      const letters: DeadLetter[] = [];
      const restart = { limit: 100, items: 'report' } as const;
      const onDeadLetter = (letter: DeadLetter): void => void letters.push(letter);
      // Where others are killed there may be nothing in them.
      const itemOf = (n: number): unknown => (n === ITEMS / 2 ? 'die' : n);
      const pipeline = pipelineOf({ type, restart });
      const { outputs, account } = await runWithKills(pipeline, 2, { onDeadLetter }, itemOf);
      expect(letters.map(({ item }) => item)).toContain('die');
      expect(account.losses.map(({ inputIndex, nodeId, reason }) => [inputIndex, nodeId, reason])).toEqual(
        letters.map(({ inputIndex, nodeId }) => [inputIndex, nodeId, 'lost']),
      );
      for (const { nodeId, itemIndex, item, error } of letters) {
        expect([nodeId, item]).toEqual(['node', itemOf(itemIndex)]);
        expect(error.cause).toBeInstanceOf(HostDiedError);
      }
      expect([...outputs, ...letters.map(({ itemIndex }) => itemIndex)].sort((a, b) => a - b)).toEqual(all);
    },
  );

  test('gives each item once where a node gives one output for each', async () => {
    const { outputs } = await runWithKills(pipelineOf({ type: './nodes.mjs#One' }), 3);
    expect(outputs).toEqual(all);
  });

  test('keeps the dead letters of the node apart', async () => {
    const letters: DeadLetter[] = [];
    const place = { type: './nodes.mjs#Failing', failure_policy: 'skip' };
    const { outputs } = await runWithKills(pipelineOf(place), 4, {
      onDeadLetter: (letter) => letters.push(letter),
    });
    const failed = all.filter((n) => n % 10 === 3);
    expect(sorted(letters.map(({ item }) => item as number))).toEqual(failed);
    expect(sorted(outputs)).toEqual(all.filter((n) => n % 10 !== 3));
  });
});

/** Three Python nodes, each in a process of its own. */
function pythonChain(types: readonly string[], restart: number | RestartPolicy): Pipeline {
  return Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'python' },
    nodes: types.map((type, index) => ({
      id: `node${String(index)}`,
      node_type: join(import.meta.dirname, `./nodes.py#${type}`),
      executor: 'process',
      params: {},
      ...(index === 1 && { restart }),
    })),
    connections: [],
  });
}

describe('between Python nodes', () => {
  test('go values that only Python has', async () => {
    const { outputs, pids } = await runWithKills(pythonChain(['Wrap', 'OfThing', 'Unwrap'], 100), 6);
    expect(outputs).toEqual(all);
    expect(pids.length).toBeGreaterThan(1);
  });

  test.each<[string, string, unknown]>([
    ['what TypeScript can read', 'Audio', new AudioFrame({ data: new Float32Array(3), sampleRate: 8000 })],
    ['not what only Python has', 'Wrap', undefined],
  ])('the dead letters of this program hold %s', async (_, first, item) => {
    const letters: DeadLetter[] = [];
    const pipeline = pythonChain([first, 'Dying', 'Same'], { limit: 1, items: 'report' });
    const session = await pipeline.open({ onDeadLetter: (letter) => letters.push(letter) });
    await session.write(3);
    session.end();
    expect(await session.next()).toEqual({ done: true, value: undefined });
    expect(letters.map((letter) => letter.item)).toEqual([item]);
    expect(letters[0]?.error.cause).toBeInstanceOf(HostDiedError);
  });
});

test('goes on between nodes of other hosts, one of which is started again as well', async () => {
  const at = (type: string): string => join(import.meta.dirname, type);
  const pipeline = Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'between' },
    nodes: [
      { id: 'before', node_type: at('./nodes.py#Same'), params: {} },
      { id: 'node', node_type: at('./nodes.mjs#One'), executor: 'process', restart: 100, params: {} },
      { id: 'next', node_type: at('./nodes.py#Same'), executor: 'process', restart: 1, params: {} },
      { id: 'after', node_type: at('./nodes.mjs#Same'), executor: 'process', params: {} },
    ],
    connections: [],
  });
  const { outputs, pids } = await runWithKills(pipeline, 5);
  expect(outputs).toEqual(all);
  expect(pids.length).toBeGreaterThan(1);
});

describe.each(['./nodes.mjs#One', './nodes.py#One'])('%s', (type) => {
  test('past the limit the session fails with the death of its host', async () => {
    const session = await pipelineOf({ type, restart: 2 }).open();
    await session.write('die');
    await expect(session.next()).rejects.toMatchObject({ code: 'RM_HOST_DIED' });
    await expect(session.done).rejects.toBeInstanceOf(HostDiedError);
  });

  test('a run goes on as well', async () => {
    const pids: number[] = [];
    for await (const seen of pipelineOf({ type }).stream([1, 2, 3]) as AsyncIterable<Seen>) {
      pids.push(seen.pid);
      if (pids.length === 1) kill(seen.pid);
    }
    expect(pids).toHaveLength(3);
  });

  test('an interruption meanwhile makes stale what was in the host', async () => {
    let isInterrupted = (): void => undefined;
    const interrupted = new Promise<void>((resolve) => (isInterrupted = resolve));
    const session = await pipelineOf({ type, restart: 1 }).open({
      logger: atRestart(() => {
        session.interrupt();
        isInterrupted();
      }),
    });
    await session.write('die');
    await session.write('die');
    await interrupted;
    await session.write(7);
    expect(await session.next()).toMatchObject({ value: { n: 7 } });
    session.end();
    expect(await session.next()).toEqual({ done: true, value: undefined });
  });

  test('the end may come meanwhile', async () => {
    const restart = { limit: 1, items: 'report' } as const;
    const letters: unknown[] = [];
    const session = await pipelineOf({ type, restart }).open({
      onDeadLetter: ({ item }) => letters.push(item),
      logger: atRestart(() => {
        session.end();
      }),
    });
    await session.write('die');
    expect(await session.next()).toEqual({ done: true, value: undefined });
    expect(letters).toEqual(['die']);
  });

  test('a cancel may come meanwhile', async () => {
    const reason = new Error('enough');
    const session = await pipelineOf({ type }).open({
      logger: atRestart(() => {
        void session.cancel(reason).catch(() => undefined);
      }),
    });
    await session.write('die');
    await expect(session.done).rejects.toBe(reason);
  });
});

test.each(['worker', 'process'])(
  'a live object is made again as it was when it left: %s',
  async (executor) => {
    const folder = mkdtempSync(join(tmpdir(), 'restarts-'));
    const program = join(import.meta.dirname, 'programs/snapshot.mjs');
    const child = spawn(process.execPath, [program, executor, join(folder, 'first')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) text += String(chunk);
    const { outputs, here } = JSON.parse(text) as { outputs: [number, number][]; here: number };
    // The program has ended by itself, and left no socket.
    expect(
      readdirSync(tmpdir()).filter((name) => name.startsWith(`remotemedia-${String(child.pid)}-`)),
    ).toEqual([]);
    rmSync(folder, { recursive: true });
    expect(here).toBe(10);
    expect(outputs.map(([item]) => item)).toEqual([1, 2, 3, 4]);
    // Counted from 10 once more.
    const third = outputs[2]?.[1] ?? 0;
    expect(outputs[3]?.[1]).toBe(third + 1);
    expect(third).toBeLessThanOrEqual(13);
  },
);

test('a node that does not come up again uses up the limit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'restarts-'));
  const params = { owner: join(folder, 'first') };
  const session = await pipelineOf({ type: './nodes.mjs#Unlucky', params, restart: 3 }).open();
  await session.write('die');
  await expect(session.done).rejects.toMatchObject({ code: 'RM_HOST_DIED' });
  rmSync(folder, { recursive: true });
});

test('a node is refused that is fed by a connection whose queue drops', async () => {
  const pipeline = Pipeline.fromManifest({
    version: 'v1',
    metadata: { name: 'restarts' },
    nodes: [
      { id: 'a', node_type: 'PassThrough', params: {} },
      {
        id: 'b',
        node_type: join(import.meta.dirname, 'nodes.mjs#One'),
        params: {},
        executor: 'worker',
        restart: 1,
      },
    ],
    connections: [{ from: 'a', to: 'b', queue: 'latest' }],
  });
  await expect(pipeline.open()).rejects.toThrow(/connection from "a" with a queue that drops/);
});

test.each<[string, Place, RegExp]>([
  ['in this program', { type: './nodes.mjs#One', executor: 'in-process' }, /holds more than this node/],
  ['in a kept Python host', { type: './nodes.py#One', executor: 'in-process' }, /holds more than this node/],
  ['whose queue drops', { type: './nodes.mjs#Later', input_queue: 'latest' }, /inputQueue that drops/],
  ['that brings inputs together', { type: './nodes.mjs#One', fan_in: 'zip' }, /brings its inputs together/],
  ['with a limit that is none', { type: './nodes.mjs#One', restart: -1 }, /restart/],
])('a node %s is refused', async (_, place, message) => {
  await expect(async () => pipelineOf(place).open()).rejects.toThrow(message);
});
