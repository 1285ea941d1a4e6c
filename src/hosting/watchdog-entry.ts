import { workerData } from 'node:worker_threads';

/**
 * A thread beside the one that runs nodes, whose code may never return: then only this one sees that the owner has gone, and ends the
 * process when it has had its time to end in good order.
 */
const { parentPid } = workerData as { readonly parentPid: number };
const EVERY_MS = 1000;
const GRACE_ROUNDS = 3;
let rounds = 0;

setInterval(() => {
  rounds = process.ppid === parentPid ? 0 : rounds + 1;
  if (rounds >= GRACE_ROUNDS) process.kill(process.pid, 'SIGKILL');
}, EVERY_MS);
