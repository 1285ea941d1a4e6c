import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { childrenOf, gone } from '../engine/proc.js';

const PROGRAM = join(import.meta.dirname, 'programs', 'ends.mjs');

interface Ending {
  readonly stdout: string[];
  readonly stderr: string[];
  readonly exit: unknown[];
}

async function linesOf(stream: NodeJS.ReadableStream): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) lines.push(line);
  return lines;
}

/** Runs the program, with one node that ends in a certain way. */
async function ending(executor: string, mode: string): Promise<Ending> {
  const child = spawn(process.execPath, [PROGRAM, executor, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([linesOf(child.stdout), linesOf(child.stderr)]);
  return { stdout, stderr, exit: await exit };
}

describe.each(['worker', 'process'])('a node in a %s', (executor) => {
  test('that ends it in the middle of a line is heard to the end', async () => {
    const { stdout, stderr } = await ending(executor, 'unfinished');
    expect(stdout).toContain('[ends_0] last word');
    expect(stderr).toContain('[ends_0] last error');
    expect(stdout.at(-1)).toContain('exit code 4. Its last lines on stderr:\\nlast error');
  });

  test('that ends it behind many lines is heard to the end, in order', async () => {
    const { stdout } = await ending(executor, 'many');
    const lines = stdout.filter((line) => line.startsWith('[ends_0] line '));
    expect(lines).toEqual(Array.from({ length: 20_000 }, (_, index) => `[ends_0] line ${String(index)}`));
    expect(stdout.at(-2)).toBe('[ends_0] end');
  });

  test.each(['throws', 'rejects'])(
    'that %s where nobody catches it: stack and file, and no code',
    async (mode) => {
      const { stdout, stderr } = await ending(executor, mode);
      expect(stderr.join('\n')).toContain(`[ends_0] RangeError: ${mode} later\n`);
      expect(stderr.join('\n')).toContain('programs/ends.mjs:');
      expect([...stdout, ...stderr].join('\n')).not.toContain('class Ends');
      expect(stdout.at(-1)).toContain(
        `exit code 1. Its last lines on stderr:\\nRangeError: ${mode} later\\n`,
      );
    },
  );

  test('fails with an error that has its own properties', async () => {
    const { stdout } = await ending(executor, 'error');
    expect(JSON.parse(stdout.at(-1) ?? '')).toEqual({
      isAggregate: true,
      code: 'E_ALL',
      status: 503,
      errors: [{ name: 'TypeError', isTypeError: true, errno: -2, causeCode: 'ENOENT' }],
    });
  });

  test('that catches what nobody else does goes on', async () => {
    const { stdout, exit } = await ending(executor, 'catches');
    expect(stdout).toEqual(['[ends_0] caught later', '"went on"']);
    expect(exit).toEqual([0, null]);
  });
});

interface Running {
  readonly child: ChildProcess;
  /** What it goes on to print. */
  readonly lines: AsyncIterator<string>;
  readonly hosts: readonly number[];
  readonly exit: Promise<unknown[]>;
}

/** Starts the program and waits until its node runs. */
async function running(executor: string, mode: string): Promise<Running> {
  const child = spawn(process.execPath, [PROGRAM, executor, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect(await lines.next()).toEqual({ value: '[ends_0] runs', done: false });
  return { child, lines, hosts: childrenOf(child.pid ?? 0), exit };
}

test('a program that is killed leaves no process, also where a node there computes without end', async () => {
  const { child, hosts } = await running('process', 'computes');
  expect(hosts).toHaveLength(1);
  child.kill('SIGKILL');
  for (const pid of hosts) await gone(pid);
});

describe.each(['worker', 'process'])('Ctrl-C, with a node in a %s', (executor) => {
  test('that computes without end: its host is ended with it, which the error says', async () => {
    const { child, lines, hosts, exit } = await running(executor, 'computes');
    child.kill('SIGINT');
    const { value } = (await lines.next()) as { value: string };
    expect(value).toContain(
      'RM_CANCEL_TIMEOUT After the cancel, node \\"ends_0\\" did not return within 5 s.',
    );
    expect(value).toContain('It was ended together with its host, and not cleaned up.');
    expect(value).not.toContain('goes on');
    expect(await exit).toEqual([null, 'SIGINT']);
    for (const pid of hosts) await gone(pid);
  });

  test('that waits for something else: the second one ends the program at once', async () => {
    const { child, lines, hosts, exit } = await running(executor, 'waits');
    child.kill('SIGINT');
    expect(await lines.next()).toMatchObject({ value: '[ends_0] cancelled' });
    child.kill('SIGINT');
    expect(await exit).toEqual([null, 'SIGINT']);
    for (const pid of hosts) await gone(pid);
  });
});
