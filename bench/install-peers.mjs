// Makes an environment of its own for the published packages that the Python driver is measured against: both own
// `import remotemedia`. Run it as `npm run bench:peers`; without it the benchmarks leave their columns empty.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setupPython, venvPython } from '../scripts/setup-python.mjs';
import { findPublished, PUBLISHED, SHIM } from './python-driver/peers.mjs';

const PACKAGES = ['remotemedia-ffi==0.4.4', 'remotemedia-client==0.2.0', 'numpy'];

await setupPython();
const python = venvPython(PUBLISHED);
if (!existsSync(python)) {
  mkdirSync(PUBLISHED, { recursive: true });
  // From the interpreter of ours, so that only the packages differ.
  run(venvPython(), '-m', 'venv', join(PUBLISHED, '.venv'));
}
run(python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES);
buildShim();

const { program, reason } = findPublished();
console.error(
  program === undefined
    ? `The published packages are ${reason}.`
    : `The published packages are in ${PUBLISHED}.`,
);
process.exitCode = program === undefined ? 1 : 0;

/** For a glibc older than the wheel's; a newer one needs no shim. */
function buildShim() {
  if (process.platform !== 'linux') return;
  const source = join(import.meta.dirname, 'python-driver', 'isoc23-shim.c');
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', SHIM, source], { stdio: 'inherit' });
  if (status !== 0)
    console.error('The shim was not built (cc is missing or failed): glibc must be 2.38 or newer.');
}

function run(program, ...args) {
  const { status } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  console.error(`${[program, ...args].join(' ')} ended with exit code ${status}.`);
  // A half-made environment would pass for one.
  rmSync(PUBLISHED, { recursive: true, force: true });
  process.exit(1);
}
