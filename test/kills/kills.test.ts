import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { venvPython } from '../../scripts/setup-python.mjs';
import { childrenOf, gone } from '../engine/proc.js';
import { randomOf } from './programs/load.mjs';

const PROGRAMS = join(import.meta.dirname, 'programs');
const REPOSITORY = join(import.meta.dirname, '../..');
const TIMEOUT_MS = 600_000;
const atOnce = Math.max(2, availableParallelism());

function start(program: string, ...args: unknown[]): ChildProcess {
  const isPython = program.endsWith('.py');
  const command = isPython ? venvPython() : process.execPath;
  return spawn(command, [join(PROGRAMS, program), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONPATH: join(REPOSITORY, 'python/src') },
  });
}

function linesOf(child: ChildProcess): AsyncIterable<string> {
  if (child.stdout === null) throw new Error('the program has no output to read');
  return createInterface({ input: child.stdout });
}

/** All processes below one. */
function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Nothing of a process and of those that it had started is left: neither they nor their sockets. */
async function leftNothing(pid: number, descendants: readonly number[]): Promise<void> {
  for (const each of [pid, ...descendants]) await gone(each);
  const isTheirs = (name: string): boolean =>
    [pid, ...descendants].some((each) => name.startsWith(`remotemedia-${String(each)}-`));
  expect(readdirSync(tmpdir()).filter(isTheirs)).toEqual([]);
}

/** Runs something so many times, with so many of them at once. */
async function repeat(times: number, one: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < times) await one(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Kills a program that runs for ever at one of its outputs. */
async function killedAtSomeOutput(program: string, seed: number): Promise<void> {
  const child = start(program, seed);
  const pid = child.pid ?? 0;
  const exit = once(child, 'exit');
  let left = Math.floor(randomOf(seed)() * 60);
  let descendants: number[] = [];
  for await (const line of linesOf(child)) {
    if (line === 'ready' || left-- > 0) continue;
    descendants = descendantsOf(pid);
    child.kill('SIGKILL');
    break;
  }
  expect(await exit).toEqual([null, 'SIGKILL']);
  await leftNothing(pid, descendants);
}

describe('what is killed while arrays flow', { timeout: TIMEOUT_MS }, () => {
  test('a host: the run says so, the next one works with a new host, and nothing is left', async () => {
    await repeat(4, async (seed) => {
      const child = start('hosts.mjs', 30, seed);
      const exit = once(child, 'exit');
      const rounds: unknown[] = [];
      for await (const line of linesOf(child)) rounds.push((JSON.parse(line) as { code: string }).code);
      expect(rounds).toEqual(Array.from({ length: 30 }, () => 'RM_HOST_DIED'));
      expect(await exit).toEqual([0, null]);
      await leftNothing(child.pid ?? 0, []);
    });
  });

  test('a TypeScript program: its hosts end, and nothing is left', async () => {
    expect.hasAssertions();
    await repeat(40, (seed) => killedAtSomeOutput('endless.mjs', seed));
  });

  test('a Python program: its engine and its processes end, and nothing is left', async () => {
    expect.hasAssertions();
    await repeat(30, (seed) => killedAtSomeOutput('endless.py', seed));
  });

  test('the engine of a Python program: the run says so, and the next one has a new engine', async () => {
    await repeat(20, async (seed) => {
      const child = start('endless.py', seed, 'engine', 1 + Math.floor(randomOf(seed)() * 40));
      const exit = once(child, 'exit');
      const lines: string[] = [];
      for await (const line of linesOf(child)) lines.push(line);
      expect(lines).toEqual(['RM_ENGINE_DIED', 'again']);
      expect(await exit).toEqual([0, null]);
      await leftNothing(child.pid ?? 0, []);
    });
  });
});
