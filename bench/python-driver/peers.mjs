// The interpreters that the Python driver's benchmarks run: ours, and that of the published packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, venvPython } from '../../scripts/setup-python.mjs';

/** The environment that bench/install-peers.mjs makes. */
export const PUBLISHED = join(ROOT, '.cache', 'peers', 'published');
export const SHIM = join(PUBLISHED, 'isoc23-shim.so');

/**
 * Ours. What is compiled at the first import is kept, on both sides.
 * @returns `{program, env}`
 */
export function findOurs() {
  return { program: venvPython(), env: environment() };
}

/**
 * The published packages, where they are installed and load.
 * @returns `{program, env}`, or `{reason}` where there are none
 */
export function findPublished() {
  const program = venvPython(PUBLISHED);
  if (!existsSync(program)) return { reason: 'not installed' };
  const variants = [environment(), ...(existsSync(SHIM) ? [{ ...environment(), LD_PRELOAD: SHIM }] : [])];
  for (const env of variants) {
    // The extension is loaded by name: the package itself imports without it.
    const { status } = spawnSync(program, ['-c', 'import remotemedia.runtime'], { env, stdio: 'ignore' });
    if (status === 0) return { program, env };
  }
  return { reason: 'not runnable here' };
}

/** This program's, without what would change an interpreter's imports on one side only. */
function environment() {
  const { PYTHONDONTWRITEBYTECODE: _, PYTHONPATH: __, LD_PRELOAD: ___, ...env } = process.env;
  return env;
}

/** Puts a program on one processor, where `taskset` can: else a thread that wakes another may land on either side. */
export function pinned([program, ...args]) {
  return canPin ? ['taskset', '--cpu-list', cpu, program, ...args] : [program, ...args];
}

const cpu = lastAllowedCpu();
const canPin = cpu !== undefined;

/** The last of the processors that this program may use: interrupts tend to go to the first. */
function lastAllowedCpu() {
  const { status, stdout } = spawnSync('taskset', ['--cpu-list', '--pid', String(process.pid)], {
    encoding: 'utf8',
  });
  return status === 0 ? /(\d+)\s*$/.exec(stdout)?.[1] : undefined;
}
