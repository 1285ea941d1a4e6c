import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Whether bulk bytes go through shared memory on this machine. */
export const HAS_SHARED_MEMORY: boolean = existsSync('/proc/self/fd');

/** Whether the optional dependency is installed here and loads. */
export const HAS_KOFFI: boolean = loads('koffi');

/**
 * Runs a program of `programs/` and gives what it printed, parsed: the environment of a process says, once, where slabs lie.
 *
 * @param before - a command that runs the program
 */
export function runProgram(
  name: string,
  environment: Readonly<Record<string, string>> = {},
  before: readonly string[] = [],
): unknown {
  const program = join(import.meta.dirname, 'programs', name);
  const [command, ...args] = [...before, process.execPath, program];
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    timeout: 50_000,
  });
  if (status !== 0) throw new Error(`${name} ended with exit code ${String(status)}:\n${stderr}`);
  return JSON.parse(stdout) as unknown;
}

function loads(name: string): boolean {
  try {
    createRequire(import.meta.url)(name);
    return true;
  } catch {
    return false;
  }
}
