import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Resolves once a process is gone; the test's own time limit is what fails it. */
export async function gone(pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise((resolve) => setImmediate(resolve));
}

/** A process that has ended, and whose end nobody has looked at yet, has no program any more. */
function isRunning(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${String(pid)}/exe`) !== '';
  } catch {
    return false;
  }
}

/** The processes that a process has started, and that are still there. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => parentOf(other) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
