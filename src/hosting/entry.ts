import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { readFirstLine, watchOwner } from '../protocol/index.js';
import { printCrashesBriefly } from './crashes.js';
import { serveHost, type HostConfig } from './serve.js';

/** The control connection carried what is no request; see `schema/wire.md`. */
const EXIT_PROTOCOL = 70;

// Whoever started this decides what Ctrl-C means: it reaches all processes of the terminal.
if (isMainThread) {
  process.on('SIGINT', () => undefined);
  printCrashesBriefly();
}
const config = isMainThread ? (JSON.parse(await readFirstLine()) as HostConfig) : await firstMessage();
if (isMainThread) {
  watchOwner(config.ownerPid, () => {
    process.exit(0);
  });
  new Worker(new URL('./watchdog-entry.js', import.meta.url), {
    workerData: { parentPid: process.ppid, ownerPid: config.ownerPid },
  }).unref();
}
await serveHost(config, (error) => {
  process.exit(error === undefined ? 0 : EXIT_PROTOCOL);
});

function firstMessage(): Promise<HostConfig> {
  return new Promise((resolve) => parentPort?.once('message', resolve));
}
