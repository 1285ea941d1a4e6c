import { isAlive } from './address.js';

const EVERY_MS = 1000;

/**
 * Watches whoever started this process: a forked child may hold the connection open after its end. Never keeps the program alive.
 *
 * @param gone - called each second from when the owner has ended on
 */
export function watchOwner(ownerPid: number, gone: () => void): void {
  // A shell or a launcher may stand between the two.
  const parentPid = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parentPid || !isAlive(ownerPid)) gone();
  }, EVERY_MS);
  timer.unref();
}
