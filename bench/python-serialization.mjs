// A Python node to bytes and back, beside cloudpickle alone, in one Python process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compare } from './python-driver/figures.mjs';
import { findOurs, pinned } from './python-driver/peers.mjs';

// A node with nothing in it costs cloudpickle some microseconds, about what the header, cleanup() and initialize() cost.
const SHOWN = '… with next to nothing in it, its class importable';

const { program, env } = findOurs();
const [executable, ...args] = pinned([program, join(import.meta.dirname, 'python-serialization.py')]);
const { stdout, status } = spawnSync(executable, args, {
  env,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
for (const line of stdout.split('\n').filter(Boolean)) {
  const { figure, ours, peer } = JSON.parse(line);
  compare({
    figure,
    ours,
    peer,
    peerName: 'cloudpickle alone',
    unit: 'µs',
    atMost: figure === SHOWN ? undefined : 1.2,
  });
}
process.exitCode = status ?? 1;
