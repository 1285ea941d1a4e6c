import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { Driver, ENGINE, FOLDER, VERSION } from './driver.js';
import { childrenOf, gone } from './proc.js';
import { listener } from '../../dist/protocol/index.js';

function directoriesOf(pid: number): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith(`remotemedia-${String(pid)}-`));
}

async function startOne(line: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [ENGINE], { stdio: ['pipe', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // It may end before it has read the line.
  child.stdin.on('error', () => undefined).end(line);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stderr };
}

describe('an engine', () => {
  test('says who it is when it is ready', async () => {
    await using driver = await Driver.start();
    expect(driver.ready).toEqual({
      pid: driver.child.pid,
      nodeVersion: process.version,
      packageVersion: VERSION,
    });
  });

  test('ends with its connection, in the middle of a run, and leaves no socket', async () => {
    const driver = await Driver.start();
    const running = driver.run([{ id: 'endless', node_type: './nodes.ts#Endless', params: {} }]);
    running.catch(() => undefined);
    await driver.line('three');
    expect(directoriesOf(driver.ready.pid)).toHaveLength(1);
    expect(await driver.close()).toBe(0);
    expect(directoriesOf(driver.ready.pid)).toEqual([]);
    await expect(running).rejects.toMatchObject({ code: 'RM_CLOSED' });
  });

  test('ends although a node in its worker does not return', async () => {
    const driver = await Driver.start();
    const nodes = [{ id: 'stuck', node_type: './nodes.ts#Stuck', params: {} }];
    driver.run(nodes, { input: ['sync'] }).catch(() => undefined);
    await driver.line('stuck');
    expect(await driver.close()).toBe(0);
    expect(directoriesOf(driver.ready.pid)).toEqual([]);
  });

  test('that is killed leaves no process, not even one whose node never returns', async () => {
    const driver = await Driver.start();
    const stuck = { id: 'stuck', node_type: './nodes.ts#Stuck', params: {}, executor: 'process' };
    driver.run([stuck], { input: ['sync'] }).catch(() => undefined);
    await driver.line('stuck');
    const [host] = childrenOf(driver.ready.pid);
    driver.child.kill('SIGKILL');
    await driver.exited;
    await expect(gone(host!)).resolves.toBeUndefined();
  });

  test('fails a run of which a segment cannot reach the next one, instead of waiting for it', async () => {
    await using driver = await Driver.start();
    driver.onOpen = ({ outputs }) => {
      for (const output of outputs) Object.assign(output, { address: 'unix:/nowhere/at/all' });
    };
    const running = driver.run([{ id: 'up', node_type: './nodes.ts#Upper', params: {} }], { input: ['a'] });
    await expect(running).rejects.toThrow('unix:/nowhere/at/all cannot be reached');
  });

  test('ends a worker that a node holds up, and says so to the other runs in it', async () => {
    await using driver = await Driver.start();
    const endless = driver.run([{ id: 'endless', node_type: './nodes.ts#Endless', params: {} }]);
    endless.catch(() => undefined);
    await driver.line('three');
    const nodes = [{ id: 'stuck', node_type: './nodes.ts#Stuck', params: {} }];
    const stuck = driver.run(nodes, { input: ['sync'], run: 'to-cancel' });
    stuck.catch(() => undefined);
    await driver.line('stuck');
    await driver.cancel('to-cancel');
    await expect(stuck).rejects.toMatchObject({ code: 'RM_CANCEL_TIMEOUT', nodeId: 'stuck' });
    await expect(endless).rejects.toMatchObject({
      code: 'RM_HOST_DIED',
      message: expect.stringContaining('node "stuck" of another run held it up') as string,
    });
    const { outputs } = await driver.run([{ id: 'up', node_type: './nodes.ts#Upper', params: {} }], {
      input: ['a'],
    });
    expect(outputs).toEqual(['A']);
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('ends in good order by %s', async (signal) => {
    const driver = await Driver.start();
    await driver.run([{ id: 'up', node_type: './nodes.ts#Upper', params: {} }], { input: ['a'] });
    driver.child.kill(signal);
    expect(await driver.exited).toBe(0);
    expect(directoriesOf(driver.ready.pid)).toEqual([]);
  });

  test('leaves SIGINT to its driver', async () => {
    await using driver = await Driver.start();
    driver.child.kill('SIGINT');
    expect((await driver.define({ entries: [{ node_type: 'PassThrough' }] })).nodes).toHaveLength(1);
  });

  test('tells its log records and those of its hosts where it is asked to, and none otherwise', async () => {
    const nodes = [{ id: 'up', node_type: './nodes.ts#Upper', params: {} }];
    await using silent = await Driver.start();
    await silent.run(nodes, { input: ['a'] });
    expect(silent.logs).toEqual([]);
    await using talking = await Driver.start({ debug: true });
    await talking.run(nodes, { input: ['a'] });
    expect(talking.logs.map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('segment s1 in worker: up'),
        expect.stringMatching(/^\[worker\] .*node "up": initialize/),
      ]),
    );
  });
});

describe('an engine that nobody wants says so, and ends', () => {
  const config = { ownerPid: process.pid, packageVersion: VERSION, debug: false };

  test.each([
    ['nothing', ''],
    ['what is no JSON', 'hello\n'],
    ['a line without an address', `${JSON.stringify({ ...config, token: 'x' })}\n`],
  ])('given %s', async (_what, line) => {
    const { code, stderr } = await startOne(line);
    expect(code).toBe(70);
    expect(stderr).toContain('{address, token, ownerPid, packageVersion, debug}');
  });

  test('given a token that nobody expects', async () => {
    const address = await listener.address();
    const { code, stderr } = await startOne(`${JSON.stringify({ ...config, address, token: 'x' })}\n`);
    expect(code).toBe(70);
    expect(stderr).toContain('nobody expects this token');
  });

  test('given an address where nobody listens', async () => {
    const address = 'unix:/nonexistent/driver';
    const { code, stderr } = await startOne(`${JSON.stringify({ ...config, address, token: 'x' })}\n`);
    expect(code).toBe(70);
    expect(stderr).toContain('/nonexistent/driver cannot be reached');
  });

  test('by a package of another version, which are both named', async () => {
    const line = JSON.stringify({ ...config, address: 'unix:/x', token: 'x', packageVersion: '99.1.0' });
    const { code, stderr } = await startOne(`${line}\n`);
    expect(code).toBe(70);
    expect(stderr).toContain('99.1.0');
    expect(stderr).toContain(VERSION);
  });
});

/**
 * A driver in a process of its own, which runs an endless pipeline.
 *
 * @param begin - what it does with the `socket` of its engine before that
 */
function startOwner(begin = ''): { readonly child: ChildProcess; line(start: string): Promise<string> } {
  const protocol = (file: string): string =>
    JSON.stringify(new URL(`../../dist/protocol/${file}.js`, import.meta.url).href);
  const config = { token: 'token', packageVersion: VERSION, debug: false };
  const nodes = [
    { id: 'endless', node_type: './nodes.ts#Endless', params: {} },
    { id: 'own', node_type: './nodes.ts#Talk', params: {}, executor: 'process' },
  ];
  const pipeline = { name: 'endless', baseDir: FOLDER, connections: [], nodes };
  const script = `
    import { spawn } from 'node:child_process';
    import { freshAddress, listenAt } from ${protocol('address')};
    import { Connection, ControlConnection } from ${protocol('index')};
    const { address } = await listenAt(freshAddress('driver'), (socket) => {
      const connection = new Connection(socket, { onFrame: () => undefined, onClose: () => undefined });
      const control = new ControlConnection(connection, 'engine', {
        onEvent: (name, params) => {
          if (name === 'output') console.log(params.line);
          if (name !== 'ready') return;
          console.log('engine', params.pid);
          ${begin}
          const run = { run: 'r', isInputGiven: false, metrics: false, pipeline: ${JSON.stringify(pipeline)} };
          control.request('run', run).catch(() => undefined);
        },
        onRequest: () => ({}),
        onClosed: () => undefined,
      });
      // The first frame is the engine's HELLO.
      connection.handler = {
        onFrame: () => { connection.handler = control; },
        onClose: () => undefined,
      };
    });
    const engine = spawn(process.execPath, [${JSON.stringify(ENGINE)}], { stdio: ['pipe', 'ignore', 'inherit'] });
    engine.stdin.end(JSON.stringify({ ...${JSON.stringify(config)}, address, ownerPid: process.pid }) + '\\n');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const waiting: { readonly start: string; readonly resolve: (line: string) => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const { start, resolve } of waiting) if (line.startsWith(start)) resolve(line);
  });
  return {
    child,
    line: (start) =>
      new Promise((resolve) => {
        const seen = lines.find((line) => line.startsWith(start));
        if (seen === undefined) waiting.push({ start, resolve });
        else resolve(seen);
      }),
  };
}

async function enginePid(owner: ReturnType<typeof startOwner>): Promise<number> {
  return Number((await owner.line('engine ')).split(' ')[1]);
}

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'an engine whose driver was ended by %s ends in the middle of a run, with its hosts, and leaves no socket',
  async (signal) => {
    const owner = startOwner();
    const pid = await enginePid(owner);
    await owner.line('begin');
    const hosts = childrenOf(pid);
    expect(hosts).toHaveLength(1);
    owner.child.kill(signal);
    await gone(pid);
    for (const host of hosts) await gone(host);
    expect(directoriesOf(pid)).toEqual([]);
  },
);

test('an engine ends although a child of its driver holds the connection open', async () => {
  const owner = startOwner(`
    const holder = spawn('sleep', ['300'], { stdio: ['ignore', 'ignore', 'ignore', socket], detached: true });
    // What is shared with a child is no longer read here.
    socket.resume();
    console.log('holder', holder.pid);
  `);
  const pid = await enginePid(owner);
  const holder = Number((await owner.line('holder ')).split(' ')[1]);
  await owner.line('begin');
  owner.child.kill('SIGKILL');
  await gone(pid);
  expect(directoriesOf(pid)).toEqual([]);
  process.kill(holder);
});
