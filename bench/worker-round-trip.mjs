// One item to a TypeScript node in a worker and back, beside a task of Piscina (`npm run bench:peers` installs it).
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PassThroughNode, Pipeline } from 'remotemedia';
import { NODE_PEERS } from './bulk/peers.mjs';
import { interleave, percentile, report } from './measure.mjs';

const ROUNDS = 7;
const SMALL = { name: 'small item', trips: 3000, make: (index) => index };
const LARGE = { name: 'Float32Array 1 MB', trips: 300, make: () => new Float32Array(2 ** 18) };

const echo = new PassThroughNode({ executor: 'worker' });
const piscina = startPiscina();
for (const kind of [SMALL, LARGE]) {
  const variants = { ours: () => ours(kind), ...(piscina && { piscina: () => theirs(kind) }) };
  const { ours: own, piscina: peer } = await interleave(variants, ROUNDS, 1);
  report({
    figure: `${kind.name} to a worker and back, p50`,
    ours: own,
    unit: 'µs',
    peer,
    peerName: `Piscina${kind === LARGE ? ', transferred' : ''}${piscina === undefined ? ' (not there)' : ''}`,
    limit: '≤ 1 ×',
    isMet: peer === undefined ? undefined : own <= peer,
  });
}
process.exit();

async function ours({ trips, make }) {
  const durations = [];
  let start = 0;
  let answered;
  async function* input() {
    for (let index = 0; index < trips; index++) {
      const answer = new Promise((resolve) => (answered = resolve));
      const item = make(index);
      start = performance.now();
      yield item;
      await answer;
    }
  }
  for await (const item of new Pipeline([echo]).stream(input())) {
    durations.push((performance.now() - start) * 1e3);
    answered(item);
  }
  return percentile(durations, 50);
}

async function theirs({ trips, make }) {
  const durations = [];
  for (let index = 0; index < trips; index++) {
    const item = make(index);
    const isLarge = ArrayBuffer.isView(item);
    const start = performance.now();
    await piscina.run(item, isLarge ? { transferList: [item.buffer] } : undefined);
    durations.push((performance.now() - start) * 1e3);
  }
  return percentile(durations, 50);
}

function startPiscina() {
  try {
    const { Piscina } = createRequire(join(NODE_PEERS, 'package.json'))('piscina');
    const filename = join(import.meta.dirname, 'bulk', 'piscina-worker.cjs');
    const env = { ...process.env, PEERS: NODE_PEERS };
    return new Piscina({ filename, minThreads: 1, maxThreads: 1, env });
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
