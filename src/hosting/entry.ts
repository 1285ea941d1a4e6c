import { isMainThread, parentPort } from 'node:worker_threads';
import { readFirstLine } from '../protocol/index.js';
import { serveHost, type HostConfig } from './serve.js';

/** The control connection carried what is no request; see `schema/wire.md`. */
const EXIT_PROTOCOL = 70;

// Whoever started this decides what Ctrl-C means: it reaches all processes of the terminal.
if (isMainThread) process.on('SIGINT', () => undefined);
const config = isMainThread ? (JSON.parse(await readFirstLine()) as HostConfig) : await firstMessage();
if (isMainThread) endWithOwner(config.ownerPid);
await serveHost(config, (error) => {
  process.exit(error === undefined ? 0 : EXIT_PROTOCOL);
});

function firstMessage(): Promise<HostConfig> {
  return new Promise((resolve) => parentPort?.once('message', resolve));
}

/** A forked child may hold the control connection open after the owner has gone. */
function endWithOwner(ownerPid: number): void {
  const timer = setInterval(() => {
    if (process.ppid !== ownerPid) process.exit(0);
  }, 1000);
  timer.unref();
}
