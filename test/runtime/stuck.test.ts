import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pipeline, startPythonHost, type AnyNode, type PythonHost, type StuckReport } from 'remotemedia';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTypeScriptHost, type TypeScriptHost } from '../../dist/hosts/index.js';
import * as nodes from '../fixtures/stuck-nodes.mjs';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/stuck.mjs', import.meta.url));
const PYTHON_NODES = fileURLToPath(new URL('../fixtures/stuck_nodes.py', import.meta.url));
const FOLDER = fileURLToPath(new URL('../fixtures/', import.meta.url));
const ID = 'culprit_0';
const LIMIT_MS = 200;
const LIMIT_BYTES = 200 * 1024 ** 2;

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rm-stuck-'));
  file = join(folder, 'go');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs a session whose node is stuck with its second item until there is a report of this kind; gives the reports. */
async function reportsOf(
  node: AnyNode,
  kind: StuckReport['kind'] = 'node',
  memoryLimitBytes?: number,
): Promise<StuckReport[]> {
  node.name = 'culprit';
  const reports: StuckReport[] = [];
  const session = await new Pipeline<string>().pipe(node).open({
    stuckAfterMs: LIMIT_MS,
    memoryLimitBytes,
    onStuck: (report) => {
      // On a machine with much to do an event loop may be late by itself.
      if (report.kind !== kind || report.host === 'in-process') return;
      reports.push(report);
      writeFileSync(file, '');
    },
  });
  await session.write('fine');
  await session.write('stuck');
  session.end();
  const outputs: unknown[] = [];
  for await (const output of session) outputs.push(output);
  expect(outputs).toEqual(['fine', 'stuck']);
  return reports;
}

/** Runs a program whose own event loop is held up until it says so on stderr. */
async function printedBy(name: keyof typeof nodes): Promise<{ stdout: string[]; stderr: string[] }> {
  const child = spawn(process.execPath, [PROGRAM, name, file], {
    env: { ...process.env, REMOTEMEDIA_LOG: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const [stdout, stderr]: [string[], string[]] = [[], []];
  createInterface({ input: child.stderr }).on('line', (line) => {
    stderr.push(line);
    if (line.includes('has not returned for') && !existsSync(file)) writeFileSync(file, '');
  });
  for await (const line of createInterface({ input: child.stdout })) stdout.push(line);
  expect(await exited).toEqual([0, null]);
  return { stdout, stderr };
}

describe.each(['thread', 'process'] as const)('in a %s', (kind) => {
  let host: TypeScriptHost;
  beforeAll(async () => {
    host = await startTypeScriptHost({ kind, name: `stuck-${kind}` });
  });
  afterAll(async () => {
    await host.close();
  });

  function make(name: string): Promise<AnyNode> {
    return host.create({
      node_type: `./stuck-nodes.mjs#${name}`,
      params: { file },
      baseDir: FOLDER,
      path: '',
    });
  }

  test.each(['Spins', 'SpinsLater', 'SpinsInGenerator'] as const)(
    'a node that does not return (%s) is reported with its stack while it blocks the event loop',
    async (name) => {
      const node = await make(name);
      const [report, ...others] = await reportsOf(node);
      expect(others).toEqual([]);
      expect(report).toMatchObject({ kind: 'node', nodeId: ID, host: `stuck-${kind}` });
      expect(report?.forMs).toBeGreaterThanOrEqual(LIMIT_MS);
      expect(report?.stack).toContain('stuck-nodes.mjs');
      expect(report?.stack).toMatch(/at (?:isThere|process|spin|existsSync)/);
    },
  );

  test('a node in native code is named without a stack', async () => {
    const node = await make('CallsNative');
    expect(await reportsOf(node)).toMatchObject([
      {
        kind: 'node',
        nodeId: ID,
        stack: 'The stack cannot be had: the thread is in native code. Node "culprit_0" was entered last.',
      },
    ]);
  });

  test.each(['Awaits', 'AwaitsInGenerator', 'AwaitsInStream'] as const)(
    'a node that waits for what never comes (%s) is reported, though nothing is blocked',
    async (name) => {
      const node = await make(name);
      const reports = await reportsOf(node);
      expect(reports).toMatchObject([{ kind: 'node', nodeId: ID }]);
      expect(reports[0]?.stack).toContain('waits in an await');
      if (name === 'Awaits') expect(reports[0]?.itemIndex).toBe(1);
    },
  );

  test('a host over its memory limit is reported once, with what it uses', async () => {
    const node = await make('Fills');
    const reports = await reportsOf(node, 'memory', LIMIT_BYTES);
    const [report, ...others] = reports.filter(
      ({ kind, host }) => kind === 'memory' && host !== 'in-process',
    );
    expect(others).toEqual([]);
    expect(report).toMatchObject({ kind: 'memory', nodeId: ID, host: `stuck-${kind}` });
    expect(report?.memoryBytes).toBeGreaterThan(LIMIT_BYTES);
  });
});

describe('in a Python host', () => {
  let python: PythonHost;
  beforeAll(async () => {
    python = await startPythonHost({ name: 'stuck' });
  });
  afterAll(async () => {
    await python.close();
  });

  test.each([
    ['Spins', 'in process'],
    ['Sleeps', 'in until_there'],
    ['SleepsInGenerator', 'in until_there'],
    ['SleepsInStream', 'in until_there'],
    ['BlocksLoop', 'in until_there'],
    ['Awaits', 'in until_there_later'],
    ['GivesAwaitable', 'in until_there_later'],
    ['AwaitsInGenerator', 'in until_there_later'],
    ['AwaitsInStream', 'in until_there_later'],
  ])('a node that does not return (%s) is reported with its stack', async (name, where) => {
    const node = await python.create({ file: PYTHON_NODES, class: name, args: [file] });
    const reports = await reportsOf(node as AnyNode);
    expect(reports).toMatchObject([{ kind: 'node', nodeId: ID, host: 'stuck' }]);
    expect(reports[0]?.stack).toContain(where);
    expect(reports[0]?.stack).not.toContain('remotemedia/runner');
  });

  test('a host over its memory limit is reported with its stack', async () => {
    const node = await python.create({ file: PYTHON_NODES, class: 'Fills', args: [file] });
    const reports = await reportsOf(node as AnyNode, 'memory', LIMIT_BYTES);
    const [report] = reports.filter(({ kind, host }) => kind === 'memory' && host === 'stuck');
    expect(report?.stack).toContain('in process');
    expect(report?.memoryBytes).toBeGreaterThan(LIMIT_BYTES);
  });
});

test.each([
  ['stuck-nodes.mjs#Spins', 'worker', /at (?:isThere|process|spin|existsSync)/],
  ['stuck-nodes.mjs#Spins', 'process', /at (?:isThere|process|spin|existsSync)/],
  ['stuck-nodes.mjs#Awaits', 'worker', /waits in an await/],
  ['stuck_nodes.py#Sleeps', 'process', /in until_there/],
  ['stuck_nodes.py#Awaits', 'process', /in until_there_later/],
] as const)(
  'a stuck copy of a node with replicas (%s, %s) is reported as that copy',
  async (type, executor, stack) => {
    const reports: StuckReport[] = [];
    const pipeline = Pipeline.fromManifest({
      version: 'v1',
      metadata: { name: 'replicas' },
      nodes: [{ id: 'culprit', node_type: `${FOLDER}${type}`, params: { file }, executor, replicas: 2 }],
      connections: [],
    });
    const session = await pipeline.open({
      stuckAfterMs: LIMIT_MS,
      onStuck: (report) => {
        // On a machine with much to do an event loop may be late by itself.
        if (report.kind !== 'node') return;
        reports.push(report);
        writeFileSync(file, '');
      },
    });
    for (const item of ['fine', 'stuck']) await session.write(item);
    session.end();
    const outputs: unknown[] = [];
    for await (const output of session) outputs.push(output);
    expect(outputs).toEqual(['fine', 'stuck']);
    expect(reports).toMatchObject([{ kind: 'node', nodeId: 'culprit' }]);
    expect([0, 1]).toContain(reports[0]?.replica);
    expect(reports[0]?.stack).toMatch(stack);
    expect(reports[0]?.host).not.toBe('in-process');
  },
);

test.each(['Spins', 'CallsNative'] as const)(
  'a program whose own event loop a node blocks (%s) writes that at once; nothing is left of the watching afterwards',
  async (name) => {
    const { stdout, stderr } = await printedBy(name);
    expect(stdout).toEqual(['fine', 'stuck', 'nothing left']);
    const reported = stderr.filter((line) => line.includes('has not returned'));
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatch(
      /^remotemedia warn: Node "culprit_0" \(in-process\) has not returned for \d\.\d s:$/,
    );
    expect(stderr.join('\n')).toContain(name === 'Spins' ? 'at spin' : 'Node "culprit_0" was entered last.');
  },
);

test('an async node of this program that never settles is reported', async () => {
  const node = new nodes.Awaits({ file });
  node.name = 'culprit';
  const reports: StuckReport[] = [];
  const session = await Pipeline.from(node).open({
    stuckAfterMs: LIMIT_MS,
    onStuck: (report) => {
      reports.push(report);
      writeFileSync(file, '');
    },
  });
  await session.write('stuck');
  session.end();
  expect((await session.next()).value).toBe('stuck');
  expect(reports).toMatchObject([{ kind: 'node', nodeId: ID, host: 'in-process', itemIndex: 0 }]);
});

test('of a session that is well, busy or idle, nothing is reported while another one is stuck', async () => {
  const reports: StuckReport[] = [];
  const options = { stuckAfterMs: 1000, onStuck: (report: StuckReport) => reports.push(report) };
  const idle = await Pipeline.from(new nodes.AwaitsInStream({ file })).open(options);
  const busy = await Pipeline.from(new nodes.Awaits({ file })).open(options);
  const state = { isOver: false };
  const working = (async () => {
    while (!state.isOver) {
      await busy.write('fine');
      await busy.next();
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await using host = await startTypeScriptHost({ kind: 'process', name: 'sick' });
  const spec = { node_type: './stuck-nodes.mjs#Spins', params: { file }, baseDir: FOLDER, path: '' };
  const sick = await host.create(spec);
  const seen: StuckReport[] = [];
  const session = await Pipeline.from(sick as AnyNode).open({
    stuckAfterMs: 1500,
    onStuck: (report) => {
      seen.push(report);
      writeFileSync(file, '');
    },
  });
  await session.write('stuck');
  await session.next();
  state.isOver = true;
  await working;
  for (const each of [idle, busy, session]) await each.cancel();
  expect(seen).toHaveLength(1);
  expect(reports).toEqual([]);
});

test.each([{ stuckAfterMs: -1 }, { stuckAfterMs: Number.NaN }, { memoryLimitBytes: Infinity }])(
  'a limit that is none (%o) is refused',
  async (options) => {
    const opening = Pipeline.from(new nodes.Awaits({ file })).open(options);
    await expect(opening).rejects.toMatchObject({ code: 'RM_INVALID_ARGUMENT' });
  },
);

test('a plain run is watched where that is asked for', async () => {
  const node = new nodes.Awaits({ file });
  const reports: StuckReport[] = [];
  const outputs = await Pipeline.from(node).run(['stuck'], {
    stuckAfterMs: LIMIT_MS,
    onStuck: (report) => {
      reports.push(report);
      writeFileSync(file, '');
    },
  });
  expect(outputs).toBe('stuck');
  expect(reports).toHaveLength(1);
});
