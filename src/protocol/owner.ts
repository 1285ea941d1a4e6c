import { isAlive } from './address.js';

const EVERY_MS = 1000;

/** A shell or a launcher may stand between the owner and this process. */
const parentPid = process.ppid;

/**
 * Watches whoever started this process: a forked child may hold the connection open after its end. Never keeps the program alive.
 *
 * @param gone - called each second from when the owner has ended on
 */
export function watchOwner(ownerPid: number, gone: () => void): void {
  const timer = setInterval(() => {
    if (isOwnerGone(ownerPid)) gone();
  }, EVERY_MS);
  timer.unref();
}

/** Whether the owner has ended, also where its parent does not know yet. */
export function isOwnerGone(ownerPid: number): boolean {
  return process.ppid !== parentPid || !isAlive(ownerPid);
}
