import { workerData } from 'node:worker_threads';

/**
 * A thread beside the one that runs nodes, whose code may never return: then only this one sees that the owner has gone, and ends the
 * process when it has had its time to end in good order.
 */
const { parentPid, ownerPid } = workerData as { readonly parentPid: number; readonly ownerPid: number };
const EVERY_MS = 500;
const GRACE_ROUNDS = 4;
let rounds = 0;

setInterval(() => {
  rounds = isOwnerThere() ? 0 : rounds + 1;
  if (rounds >= GRACE_ROUNDS) process.kill(process.pid, 'SIGKILL');
}, EVERY_MS);

function isOwnerThere(): boolean {
  if (process.ppid !== parentPid) return false;
  try {
    // It may have ended before this process had looked who its parent is.
    return process.kill(ownerPid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
