// The peers that `npm run bench:peers` installs for the bulk benchmarks, and what is there of them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, venvPython } from '../../scripts/setup-python.mjs';
import { median } from '../measure.mjs';
import { findOurs } from '../python-driver/peers.mjs';
import { startWorker } from '../python-driver/worker.mjs';

/** Folders that bench/install-peers.mjs fills. */
export const PYTHON_PEERS = join(ROOT, '.cache', 'peers', 'bulk');
export const NODE_PEERS = join(ROOT, '.cache', 'peers', 'node');

/** The interpreter with the Python peers; ours where they are not installed, for those of the standard library. */
export function pythonOfPeers() {
  const { program, env } = findOurs();
  const installed = venvPython(PYTHON_PEERS);
  return { program: existsSync(installed) ? installed : program, env };
}

/**
 * Starts a program with the peers between Python processes.
 * @returns `{has, ask, end}`
 */
export async function startPythonPeers() {
  const worker = startWorker(pythonOfPeers(), {
    isPinned: false,
    isQuiet: true,
    folder: import.meta.dirname,
  });
  return withNames(worker, () => worker.ask('available'));
}

/** Starts a program with the peers between Node.js and Python. */
export async function startNodePeers() {
  const script = join(import.meta.dirname, 'node-worker.mjs');
  const program = { ...pythonOfPeers(), program: process.execPath, script };
  const worker = startWorker(program, { isPinned: false, isQuiet: true, folder: import.meta.dirname });
  const names = async () => (existsSync(NODE_PEERS) ? worker.ask('available') : []);
  return withNames(worker, names);
}

/**
 * Starts our side between TypeScript and Python.
 * @param hasAddOn - whether the optional add-on is there, if it is installed: by us, or by bench/install-peers.mjs
 * @returns `{variant, end}`
 */
export async function startOursWorker({ hasAddOn }) {
  const { env } = findOurs();
  const hidden = `--require ${join(import.meta.dirname, 'without-add-on.cjs')}`;
  const settings = hasAddOn ? { NODE_PATH: join(NODE_PEERS, 'node_modules') } : { NODE_OPTIONS: hidden };
  const script = join(import.meta.dirname, 'ours-worker.mjs');
  const program = { program: process.execPath, script, env: { ...env, ...settings } };
  const worker = startWorker(program, { isPinned: false, folder: import.meta.dirname });
  const isThere = (await worker.ask('hasAddOn')) === hasAddOn;
  return {
    ...worker,
    /** A variant for `together`: `undefined` where it should have the add-on and has not. */
    variant: (name, args) => (isThere ? () => worker.ask(name, args) : undefined),
  };
}

async function withNames(worker, available) {
  const names = await available();
  return {
    ...worker,
    /** A variant for `together`: `undefined` where the peer is not there. */
    roundTrips: (name, args) =>
      names.includes(name) ? () => worker.ask('round_trips', { peer: name, ...args }) : undefined,
    /** The same, each item at the request of this program, as ours are: what ran last does not lie in the caches then. */
    onRequest: (name, { items, ...args }) =>
      names.includes(name)
        ? async () => {
            const durations = [];
            const each = { peer: name, ...args, items: 1 };
            while (durations.length < items) durations.push(await worker.ask('round_trips', each));
            return median(durations);
          }
        : undefined,
  };
}
