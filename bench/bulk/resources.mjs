// What processes hold: memory of their own, mapped shared memory, open files.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Where slabs lie. */
export const sharedMemoryFolder = process.env['REMOTEMEDIA_SHM_DIR'] ?? '/dev/shm';

/**
 * What a process holds now.
 * @returns `{ownMiB, sharedMiB, openFiles}`: `ownMiB` is the resident set without shared memory
 */
export function held(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field) =>
    Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? NaN) / 1024;
  return {
    ownMiB: mebibytes('RssAnon') + mebibytes('RssFile'),
    sharedMiB: mebibytes('RssShmem'),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** The slabs that processes have open, each counted once, in MiB. They have no names, so others' do not count. */
export function slabsMiB(pids) {
  const bytes = new Map();
  for (const pid of pids) {
    for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
      const path = `/proc/${pid}/fd/${descriptor}`;
      try {
        if (!readlinkSync(path).startsWith(`${sharedMemoryFolder}/#`)) continue;
        const { ino, blocks } = statSync(path);
        bytes.set(ino, blocks * 512);
      } catch {
        // Closed since the folder was read.
      }
    }
  }
  return [...bytes.values()].reduce((sum, value) => sum + value, 0) / 2 ** 20;
}

/** The largest value from the second sample on, less the first: what grew after the warm-up. */
export function growth(values) {
  const [first, ...later] = values;
  return later.length === 0 ? 0 : Math.max(...later) - first;
}
