// Which processors this program and what it has started may use. Between two processors a wake-up costs 10 to 100 µs here,
// and differs from minute to minute: figures that are compared are taken on one.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ALL = allowed(process.pid);

/** Keeps this program, and what it has started or will start, to one processor; gives whether it could. */
export function keepToOne() {
  // Interrupts tend to go to the first.
  const last = /(\d+)\s*$/.exec(ALL ?? '')?.[1];
  return last !== undefined && allow(last);
}

/** Gives this program, and what it has started, all the processors that it began with. */
export function useAll() {
  return ALL !== undefined && allow(ALL);
}

/** The processes that a process has started, and those that these have, as far as they are there. */
export function descendants(pid) {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const children = tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return [...children, ...children.flatMap(descendants)];
  } catch {
    return [];
  }
}

function allow(list) {
  const results = [process.pid, ...descendants(process.pid)].map((pid) =>
    spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', list, String(pid)], { stdio: 'ignore' }),
  );
  return results[0].status === 0;
}

function allowed(pid) {
  const { status, stdout } = spawnSync('taskset', ['--cpu-list', '--pid', String(pid)], { encoding: 'utf8' });
  return status === 0 ? /:\s*(\S+)\s*$/.exec(stdout)?.[1] : undefined;
}
