// Installs what we are measured against, each into an environment of its own in .cache/peers. Run it as
// `npm run bench:peers`; without it the benchmarks leave the columns of the peers empty.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setupPython, venvPython } from '../scripts/setup-python.mjs';
import { NODE_PEERS, PYTHON_PEERS } from './bulk/peers.mjs';
import { LIVE_PEERS } from './live-sessions/peers.mjs';
import { findPublished, PUBLISHED, SHIM } from './python-driver/peers.mjs';

// Both own `import remotemedia`, so they stay apart from ours.
const PUBLISHED_PACKAGES = ['remotemedia-ffi==0.4.4', 'remotemedia-client==0.2.0', 'numpy'];
const LIVE_PACKAGES = ['pipecat-ai==1.14.0', 'livekit-agents==1.8.9'];
const PYTHON_PACKAGES = ['iceoryx2==0.10.0', 'pyzmq==27.3.0', 'ray==2.60.0', 'numpy'];
// koffi is no peer but the add-on that we can use.
const NODE_PACKAGES = ['pythonia@1.2.6', 'zeromq@6.8.0', 'koffi@3.3.4', 'piscina@5.3.2'];

await setupPython();
const outcomes = [
  install('published packages', PUBLISHED, installPublished),
  install('peers of Python', PYTHON_PEERS, () => pipInstall(PYTHON_PEERS, PYTHON_PACKAGES)),
  install('peers of live sessions', LIVE_PEERS, () => pipInstall(LIVE_PEERS, LIVE_PACKAGES)),
  install('peers of Node.js', NODE_PEERS, installNodePeers),
];
process.exitCode = outcomes.every(Boolean) ? 0 : 1;

/** Each by itself: what cannot be installed here leaves the others alone. */
function install(name, folder, run) {
  try {
    mkdirSync(folder, { recursive: true });
    run();
    console.error(`The ${name} are in ${folder}.`);
    return true;
  } catch (error) {
    console.error(`The ${name} are not there: ${error.message}`);
    return false;
  }
}

function installPublished() {
  pipInstall(PUBLISHED, PUBLISHED_PACKAGES);
  buildShim();
  const { program, reason } = findPublished();
  if (program === undefined) throw new Error(reason);
}

function pipInstall(folder, packages) {
  const python = venvPython(folder);
  // From the interpreter of ours, so that only the packages differ.
  if (!existsSync(python)) run(folder, venvPython(), '-m', 'venv', join(folder, '.venv'));
  run(folder, python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages);
}

function installNodePeers() {
  // Else npm takes the package above.
  writeFileSync(join(NODE_PEERS, 'package.json'), '{ "private": true }\n');
  run(
    NODE_PEERS,
    'npm',
    'install',
    '--silent',
    '--no-audit',
    '--no-fund',
    '--prefix',
    NODE_PEERS,
    ...NODE_PACKAGES,
  );
}

/** For a glibc older than the wheel's; a newer one needs no shim. */
function buildShim() {
  if (process.platform !== 'linux') return;
  const source = join(import.meta.dirname, 'python-driver', 'isoc23-shim.c');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', SHIM, source], { stdio: 'inherit' });
  if (status !== 0)
    console.error('The shim was not built (cc is missing or failed): glibc must be 2.38 or newer.');
}

function run(folder, program, ...args) {
  const { status } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  // A half-made environment would pass for one.
  rmSync(folder, { recursive: true, force: true });
  throw new Error(`${[program, ...args].join(' ')} ended with exit code ${status}`);
}
