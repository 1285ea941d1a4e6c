// Python programs that run their own nodes: beside a plain Python loop, and beside the published packages remotemedia-ffi
// and remotemedia-client (`npm run bench:peers` installs them). All keep to one processor, except where more are needed.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { timed } from './measure.mjs';
import { bound, compare, together } from './python-driver/figures.mjs';
import { findOurs, findPublished, pinned } from './python-driver/peers.mjs';
import { startWorker } from './python-driver/worker.mjs';

const FOLDER = join(import.meta.dirname, 'python-driver');
const PUBLISHED = 'published packages';
const PLAIN = 'plain Python loop';

const COUNT_NUMPY = `
import sys, remotemedia, remotemedia.runtime
print(sum(name.partition('.')[0] == 'numpy' for name in sys.modules))
`;

const interpreters = { ours: findOurs(), published: findPublished() };
const hasPublished = interpreters.published.program !== undefined;
if (!hasPublished) console.error(`The ${PUBLISHED} are ${interpreters.published.reason}.`);

await importTime();
await firstResult();
await inOneProcess();
await acrossProcesses();

/** `import remotemedia`, as whole programs. */
async function importTime() {
  const run = (code, { program, env }) => {
    const [executable, ...args] = pinned([program, '-c', code]);
    return () => timed(() => succeed(spawnSync(executable, args, { env, stdio: 'ignore' })));
  };
  const medians = await together(
    {
      empty: run('pass', interpreters.ours),
      ours: run('import remotemedia', interpreters.ours),
      publishedEmpty: hasPublished ? run('pass', interpreters.published) : undefined,
      published: hasPublished ? run('import remotemedia', interpreters.published) : undefined,
    },
    21,
  );
  bound({
    figure: 'Python: `import remotemedia`, over an empty program',
    ours: minus(medians.ours, medians.empty),
    peer: minus(medians.published, medians.publishedEmpty),
    peerName: PUBLISHED,
    unit: 'ms',
    atMost: 60,
  });
  const { program, env } = interpreters.ours;
  const { stdout } = spawnSync(program, ['-c', COUNT_NUMPY], { env, encoding: 'utf8' });
  bound({
    figure: '… and modules of numpy that it loads',
    ours: stdout === '' ? undefined : Number(stdout),
    unit: 'modules',
    atMost: 0,
  });
}

/** A whole program with one node and one item, from its start. */
async function firstResult() {
  const spans = { ours: undefined, published: undefined };
  const untilResult = (name) => async () => {
    spans[name] = await runProgram(interpreters[name]);
    return spans[name].result;
  };
  const untilEnd = (name) => () => spans[name]?.end ?? NaN;
  const medians = await together(
    {
      ours: untilResult('ours'),
      oursEnd: untilEnd('ours'),
      published: hasPublished ? untilResult('published') : undefined,
      publishedEnd: hasPublished ? untilEnd('published') : undefined,
    },
    15,
  );
  const common = { peerName: PUBLISHED, unit: 'ms', atMost: 0.7 };
  compare({
    ...common,
    figure: 'Python: program start to first result',
    ours: medians.ours,
    peer: medians.published,
  });
  compare({
    ...common,
    figure: '… to the end of the program',
    ours: medians.oursEnd,
    peer: medians.publishedEnd,
  });
}

/** Gives the durations in ms. The published packages print other things before the result, and may crash after it. */
function runProgram({ program, env }) {
  return new Promise((resolve, reject) => {
    const [executable, ...args] = pinned([program, join(FOLDER, 'first_result.py')]);
    const start = performance.now();
    const child = spawn(executable, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    let result;
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      if (output.includes("first result: ['HELLO']")) result ??= performance.now() - start;
    });
    child.once('close', () => {
      if (result === undefined) reject(new Error(`first_result.py printed ${JSON.stringify(output)}`));
      resolve({ result, end: performance.now() - start });
    });
  });
}

/** All that one processor is enough for. */
async function inOneProcess() {
  const ours = startWorker(interpreters.ours);
  const published = hasPublished ? startWorker(interpreters.published, { isQuiet: true }) : undefined;
  await manyItems(ours, published);
  await oneItem(ours, published);
  await bigArrays(ours, published);
  await manifests(ours);
  await ours.end();
  await published?.end();
}

/** Of the published packages only the first call: their Pipeline.run does not know these nodes and falls back to a Python loop. */
async function manyItems(ours, published) {
  const chain = { nodes: 10, items: 2000 };
  const run = (worker, way, runs) =>
    worker === undefined ? undefined : () => worker.ask('run_items', { way, runs, ...chain });
  const medians = await together(
    {
      plain: run(ours, 'plain', 15),
      ours: run(ours, 'await', 15),
      pipeline: run(ours, 'pipeline', 15),
      blocking: () => ours.ask('run_items_blocking', { runs: 15, ...chain }),
      metered: run(ours, 'metered', 15),
      published: run(published, 'await', 1),
    },
    9,
  );
  const beside = { peer: medians.plain, peerName: PLAIN, unit: 'µs per item' };
  compare({
    ...beside,
    figure: 'Python: 10 nodes, 2,000 items, execute_pipeline_with_input',
    ours: medians.ours,
    atMost: 3,
  });
  compare({ ...beside, figure: '… Pipeline.run', ours: medians.pipeline, atMost: 3 });
  compare({ ...beside, figure: '… the blocking call', ours: medians.blocking, atMost: 3 });
  compare({ ...beside, figure: '… with metrics', ours: medians.metered });
  compare({
    figure: '… execute_pipeline_with_input beside',
    ours: medians.ours,
    peer: medians.published,
    peerName: PUBLISHED,
    unit: 'µs per item',
  });
}

async function oneItem(ours, published) {
  const run = (worker, way) =>
    worker === undefined ? undefined : () => worker.ask('one_item', { way, calls: 50 });
  const medians = await together(
    {
      first: run(ours, 'first'),
      publishedFirst: run(published, 'first'),
      repeated: run(ours, 'repeated'),
      publishedRepeated: run(published, 'repeated'),
      new: run(ours, 'new'),
      publishedNew: run(published, 'new'),
    },
    15,
  );
  const rows = [
    ['Python: 1 node, 1 item, whole call, first of its shape', 'first', 'publishedFirst', 1],
    ['… repeated', 'repeated', 'publishedRepeated', 0.5],
    ['… a new object of the same class', 'new', 'publishedNew'],
  ];
  for (const [figure, left, right, atMost] of rows) {
    const peer = medians[right];
    compare({ figure, ours: medians[left], peer, peerName: PUBLISHED, unit: 'µs', atMost });
  }
}

async function bigArrays(ours, published) {
  const medians = await together(
    {
      ours: () => ours.ask('arrays', { items: 2000, is_same: true }),
      // Its megabytes are far slower, so it gets fewer of them.
      published: published && (() => published.ask('arrays', { items: 10, is_same: false })),
    },
    9,
  );
  bound({
    figure: 'Python: 1 node, numpy arrays of 1 MB, 2,000 items, the same objects come out',
    ours: medians.ours,
    peer: medians.published,
    peerName: `${PUBLISHED} (copies)`,
    unit: 'µs per item',
    atMost: 5,
  });
}

async function manifests(ours) {
  const rows = [
    ['Python: 10 nodes, 2,000 items, instances', 'run_items', { nodes: 10, items: 2000, runs: 5 }],
    ['Python: 1 node, 1 item, whole call, instance', 'one_item', { calls: 50 }],
  ];
  for (const [figure, name, args] of rows) {
    const run = (way) => () => ours.ask(name, { ...args, way });
    const medians = await together({ ours: run('await'), manifest: run('manifest'), json: run('json') }, 15);
    const unit = name === 'run_items' ? 'µs per item' : 'µs';
    const common = { ours: medians.ours, unit, atMost: 1 };
    compare({ ...common, figure, peer: medians.manifest, peerName: 'the same as a manifest (dict)' });
    compare({ ...common, figure: '… beside', peer: medians.json, peerName: 'the same as a manifest (JSON)' });
  }
}

/** TypeScript nodes and nodes in other processes: not on one processor. The published packages can do neither. */
async function acrossProcesses() {
  const worker = startWorker(interpreters.ours, { isPinned: false });
  const medians = await together(
    {
      items: () => worker.ask('mixed', { items: 10_000, runs: 3 }),
      call: () => worker.ask('mixed', { items: 1, runs: 20 }),
      roundTrip: () => worker.ask('mixed_round_trip', { items: 500 }),
      process: async () => (await worker.ask('other_process')) / 1e3,
    },
    7,
    1,
  );
  const mixed = 'Python: a TypeScript node between two Python nodes';
  bound({ figure: `${mixed}, 10,000 items`, ours: medians.items, unit: 'µs per item' });
  bound({ figure: '… 1 item, whole call', ours: medians.call, unit: 'µs' });
  bound({ figure: '… 1 item through a running stream and back', ours: medians.roundTrip, unit: 'µs' });
  bound({
    figure: 'Python: 1 item through a multiprocess node, its process started and ended',
    ours: medians.process,
    unit: 'ms',
  });
  await parallel(worker);
  await worker.end();
}

/** Two nodes that each keep a core busy, beside one. */
async function parallel(worker) {
  const spans = {};
  const run = (name, args) => [
    [
      name,
      async () => {
        spans[name] = await worker.ask('burn', { items: 60, ...args });
        return spans[name].between;
      },
    ],
    [`${name}Whole`, () => (spans[name]?.whole ?? NaN) / 1e3],
  ];
  const medians = await together(
    Object.fromEntries([
      ...run('one', { nodes: 1, way: 'multiprocess' }),
      ...run('two', { nodes: 2, way: 'multiprocess' }),
      ...run('plain', { nodes: 2, way: 'plain' }),
    ]),
    5,
    1,
  );
  const cores = availableParallelism();
  compare({
    figure: `Python: 2 CPU-bound multiprocess nodes, from the first of 60 outputs to the last (${cores} cores)`,
    ours: medians.two,
    peer: medians.one,
    peerName: '1 such node',
    unit: 'µs per item',
    atMost: cores > 1 ? 1.2 : undefined,
  });
  compare({
    figure: '… beside',
    ours: medians.two,
    peer: medians.plain,
    peerName: PLAIN,
    unit: 'µs per item',
  });
  compare({
    figure: '… the whole call, processes started and ended',
    ours: medians.twoWhole,
    peer: medians.oneWhole,
    peerName: '1 such node',
    unit: 'ms',
  });
}

function minus(left, right) {
  return left === undefined || right === undefined ? undefined : left - right;
}

function succeed({ status, error }) {
  if (status !== 0) throw error ?? new Error(`ended with exit code ${status}`);
}
