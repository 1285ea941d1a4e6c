import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/interrupted.mjs', import.meta.url));

interface End {
  readonly lines: readonly string[];
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Sends signals to the program, each after the line for which it stands. */
async function interrupt(behaviour: string, signals: Readonly<Record<string, NodeJS.Signals>>): Promise<End> {
  const child = spawn(process.execPath, [PROGRAM, behaviour], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const signal = signals[line];
    if (signal !== undefined) child.kill(signal);
  }
  const [exitCode, signal] = (await exited) as [number | null, string | null];
  return { lines, exitCode, signal };
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s cancels the run, which cleans up; its caller sees the cancel, and the program ends by the signal',
  async (signal) => {
    expect(await interrupt('', { running: signal })).toEqual({
      lines: ['running', 'cleanup', `caught AbortError: The program received ${signal}.`, 'end'],
      exitCode: null,
      signal,
    });
  },
);

test('a program that goes on after the cancel ends all the same', async () => {
  const { lines, signal } = await interrupt('stays', { running: 'SIGINT' });
  expect(lines).toEqual(['running', 'cleanup', 'caught AbortError: The program received SIGINT.']);
  expect(signal).toBe('SIGINT');
});

test.each(['own listener', 'own listener added later'])(
  'a program with an %s is left alone',
  async (behaviour) => {
    expect(await interrupt(behaviour, { running: 'SIGINT' })).toEqual({
      lines: ['running', 'mine', 'cleanup', 'caught Error: my own', 'end'],
      exitCode: 0,
      signal: null,
    });
  },
);

test('a signal that the program answers for itself does not keep another one from cancelling', async () => {
  expect(await interrupt('listener for the other signal', { running: 'SIGINT', mine: 'SIGTERM' })).toEqual({
    lines: ['running', 'mine', 'cleanup', 'caught AbortError: The program received SIGTERM.', 'end'],
    exitCode: null,
    signal: 'SIGTERM',
  });
});

test('short runs in a row, none of which lets the event loop turn, are cancelled as well', async () => {
  expect(await interrupt('many short runs', { running: 'SIGINT' })).toMatchObject({ signal: 'SIGINT' });
});

test('after the last run a signal ends the program as without us', async () => {
  expect(await interrupt('run that has ended', { cleanup: 'SIGINT' })).toEqual({
    lines: ['running', 'cleanup'],
    exitCode: null,
    signal: 'SIGINT',
  });
});
