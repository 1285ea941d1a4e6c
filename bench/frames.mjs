// Pictures of 1920 × 1080 RGB (6.2 MB), TypeScript → Python host → Python host, as fast as they go, on all processors.
// `node bench/frames.mjs SECONDS` runs longer than the usual ten.
import { join } from 'node:path';
import { Pipeline, startPythonHost, Tensor, VideoFrame } from 'remotemedia';
import { report } from './measure.mjs';
import { growth, held, slabsMiB } from './bulk/resources.mjs';

const WIDTH = 1920;
const HEIGHT = 1080;
const SECONDS = Number(process.argv[2] ?? 10);
const SAMPLE_MS = 500;
// The first second warms up.
const WARM_UP_MS = 1000;
const AT_LEAST = 300;
const file = join(import.meta.dirname, 'bulk', 'nodes.py');

const hosts = await Promise.all(['near', 'far'].map((name) => startPythonHost({ name })));
const nodes = [
  await hosts[0].create({ file, class: 'Touch' }),
  await hosts[1].create({ file, class: 'Look' }),
];

// A few, as a camera has them. They are given again and again, unchanged.
const pixels = Array.from({ length: 4 }, (_, index) => new Uint8Array(WIDTH * HEIGHT * 3).fill(index));
const tensors = pixels.map((data) => new Tensor('uint8', [HEIGHT, WIDTH, 3], data));
await sustained('1080p RGB pictures (tensors)', tensors);
const frames = pixels.map(
  (data) => new VideoFrame({ data, format: 'RGB', codedWidth: WIDTH, codedHeight: HEIGHT }),
);
await sustained('1080p RGB pictures (VideoFrame)', frames);
process.exit();

async function sustained(what, pictures) {
  const samples = [];
  const end = performance.now() + WARM_UP_MS + SECONDS * 1000;
  function* endless() {
    for (let index = 0; performance.now() < end; index++) yield pictures[index % pictures.length];
  }
  let count = 0;
  let counted = 0;
  let start;
  let nextSample = performance.now() + WARM_UP_MS;
  for await (const first of new Pipeline(nodes).stream(endless())) {
    if (first !== count++ % pictures.length) throw new Error(`picture ${count - 1} came out as ${first}`);
    const now = performance.now();
    if (start !== undefined) counted++;
    if (now < nextSample) continue;
    start ??= now;
    nextSample = now + SAMPLE_MS;
    samples.push(memory());
  }
  const rate = (counted * 1000) / (performance.now() - start);
  report({
    figure: `${what}, TypeScript → Python → Python, sustained`,
    ours: rate,
    unit: 'per s',
    limit: `≥ ${AT_LEAST}`,
    isMet: rate >= AT_LEAST,
  });
  for (const part of ['own memory of the three processes', 'shared memory']) {
    const values = samples.map((sample) => sample[part]);
    const grown = growth(values);
    report({
      figure: `… growth of the ${part}`,
      ours: grown,
      peer: values[0],
      peerName: 'after the first second',
      unit: 'MiB',
      limit: 'flat (≤ 32 MiB, five pictures)',
      isMet: grown <= 32,
    });
  }
}

function memory() {
  const pids = [process.pid, ...hosts.map((host) => host.pid)];
  return {
    'own memory of the three processes': pids.reduce((sum, pid) => sum + held(pid).ownMiB, 0),
    'shared memory': slabsMiB(pids),
  };
}
