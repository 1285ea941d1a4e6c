// The Python programs that live sessions are measured in: ours, and those of the peers that `npm run bench:peers` installs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, venvPython } from '../../scripts/setup-python.mjs';
import { findOurs } from '../python-driver/peers.mjs';
import { startWorker } from '../python-driver/worker.mjs';

/** The environment that bench/install-peers.mjs makes. */
export const LIVE_PEERS = join(ROOT, '.cache', 'peers', 'live');

/**
 * Starts the program with ours.
 * @returns `{ask, end}`
 */
export function startOurs() {
  return startWorker(findOurs(), { folder: join(import.meta.dirname, 'ours') });
}

/**
 * Starts the program with a peer.
 * @param name - of its folder here
 * @returns `{ask, end}`, or `undefined` where it is not installed
 */
export function startPeer(name) {
  const program = venvPython(LIVE_PEERS);
  if (!existsSync(program)) return undefined;
  // It tells of itself at its start.
  const options = { folder: join(import.meta.dirname, name), isQuiet: true };
  return startWorker({ ...findOurs(), program }, options);
}
