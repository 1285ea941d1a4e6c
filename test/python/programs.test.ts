import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('./nodes.py', import.meta.url));
const HEAD = `
import { Node, Pipeline, startPythonHost } from 'remotemedia';
const python = await startPythonHost();
const create = (name) => python.create({ file: ${JSON.stringify(FILE)}, class: name });
console.log('host', python.pid);
`;

interface Program {
  readonly child: ChildProcess;
  /** Resolves with the first line that begins so. */
  line(start: string): Promise<string>;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: string | null;
    readonly lines: readonly string[];
  }>;
}

function run(script: string): Program {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', HEAD + script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  const lines: string[] = [];
  const waiting: { start: string; resolve: (line: string) => void }[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    lines.push(line);
    for (const waiter of waiting) if (line.startsWith(waiter.start)) waiter.resolve(line);
  });
  const closed = new Promise((resolve) => reader.once('close', resolve));
  return {
    child,
    line: (start) =>
      new Promise((resolve) => {
        const seen = lines.find((line) => line.startsWith(start));
        if (seen === undefined) waiting.push({ start, resolve });
        else resolve(seen);
      }),
    ended: new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        void closed.then(() => {
          resolve({ code, signal, lines });
        });
      });
    }),
  };
}

async function hostPid(program: Program): Promise<number> {
  return Number((await program.line('host ')).split(' ')[1]);
}

/** Resolves once a process is gone; the test's own time limit is what fails it. */
async function gone(pid: number): Promise<void> {
  while (existsSync(`/proc/${String(pid)}`)) await new Promise((resolve) => setImmediate(resolve));
}

test('a script with a kept host ends by itself, and the host with it', async () => {
  const program = run(`
    const counter = await create('Counter');
    console.log(JSON.stringify(await new Pipeline([counter]).run('x')));
    console.log('last line');
  `);
  const pid = await hostPid(program);
  const { code, lines } = await program.ended;
  expect(code).toBe(0);
  expect(lines.slice(1)).toEqual(['{"item":"x","count":1}', 'last line']);
  await gone(pid);
});

test('what nodes printed last is there when the script ends', async () => {
  const program = run(`await new Pipeline([await create('Talk')]).run(['a', 'b']);`);
  const { lines } = await program.ended;
  expect(lines.slice(1)).toEqual(['[Talk_0] said a', '[Talk_0] said b']);
});

test.each(['SIGKILL', 'SIGHUP'] as const)(
  '%s of the program in the middle of a run leaves no host',
  async (signal) => {
    const program = run(`await new Pipeline([await create('Sleep')]).run(1);`);
    const pid = await hostPid(program);
    await program.line('[Sleep_0] sleeping');
    program.child.kill(signal);
    await gone(pid);
    expect((await program.ended).signal).toBe(signal);
  },
);

test('a second SIGTERM ends the program at once, where the first waits for a node', async () => {
  const program = run(`
    const debug = (message) => { if (message === 'cancel') console.log('cancelling'); };
    const logger = { debug, info() {}, warn() {}, error() {} };
    await new Pipeline([await create('Sleep')]).run(1, { logger });
  `);
  const pid = await hostPid(program);
  await program.line('[Sleep_0] sleeping');
  program.child.kill('SIGTERM');
  await program.line('cancelling');
  program.child.kill('SIGTERM');
  await gone(pid);
  expect((await program.ended).signal).toBe('SIGTERM');
});

test('kill -9 of the program leaves no socket', async () => {
  const program = run(`await new Pipeline([await create('Sleep')]).run(1);`);
  const pid = await hostPid(program);
  await program.line('[Sleep_0] sleeping');
  const left = (): string[] =>
    readdirSync(tmpdir()).filter((name) => name.startsWith(`remotemedia-${String(program.child.pid)}-`));
  expect(left()).toHaveLength(1);
  program.child.kill('SIGKILL');
  await gone(pid);
  expect(left()).toEqual([]);
});

test('kill -9 of the program leaves no host, even one whose native code holds the interpreter', async () => {
  const program = run(`await new Pipeline([await create('Block')]).run(1);`);
  const pid = await hostPid(program);
  await program.line('[Block_0] blocking');
  program.child.kill('SIGKILL');
  await gone(pid);
  expect((await program.ended).signal).toBe('SIGKILL');
});

test('Ctrl-C cancels the run, cleans up, lets the caller see it, and then ends the program', async () => {
  const program = run(`
    const { SourceNode } = await import('remotemedia');
    class Numbers extends SourceNode {
      *source() { for (let i = 0; ; i++) yield i; }
      cleanup() { console.log('cleaned up'); }
    }
    const echo = await create('Echo');
    try {
      let count = 0;
      for await (const item of new Pipeline([new Numbers(), echo]).stream()) if (++count === 1000) console.log('running');
    } catch (error) {
      console.log(error.name);
    }
  `);
  const pid = await hostPid(program);
  await program.line('running');
  program.child.kill('SIGINT');
  const { signal, lines } = await program.ended;
  expect(signal).toBe('SIGINT');
  expect(lines.slice(-2)).toEqual(['cleaned up', 'AbortError']);
  await gone(pid);
});
