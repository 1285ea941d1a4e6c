// Bulk bytes from process to process, one item at a time, beside peers that do the same (`npm run bench:peers` installs them).
// Everything keeps to one processor: what differs is the work done, not where the system wakes whom.
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { report } from './measure.mjs';
import { Between, startOurs } from './bulk/ours.mjs';
import { startNodePeers, startOursWorker, startPythonPeers } from './bulk/peers.mjs';
import { keepToOne, useAll } from './bulk/processors.mjs';
import { sharedMemoryFolder } from './bulk/resources.mjs';
import { compare, together } from './python-driver/figures.mjs';

const BYTES = 1 << 20;
const ITEMS = 200;
const ROUNDS = 15;
// The compiler of JavaScript takes its time.
const WARM_UP_ROUNDS = 6;
const megabyte = { mebibytes: 1, items: ITEMS };

if (!keepToOne())
  console.error('There is no `taskset`: figures are of all processors, and differ from run to run.');
const ours = await startOurs();
const peers = await startPythonPeers();
await betweenPythonHosts();
await smallItems();
await withTypescript();
if (useAll()) await onAllProcessors();
await peers.end();
await compiledGraph();
await ours.end();
process.exit();

/** Arrays from one Python host to another, and an int back. */
async function betweenPythonHosts() {
  const medians = await together(
    {
      allocated: times(await ours.pythonToPython('Allocate', 1)),
      ordinary: times(await ours.pythonToPython('Ordinary', 1)),
      large: times(await ours.pythonToPython('Allocate', 100)),
      ...pythonPeers(),
    },
    ROUNDS,
  );
  const allocated = 'numpy 1 MB of ctx.allocate, Python host → Python host and an int back, p50';
  compare({ ...beside(medians, 'allocated', 'inPlace', 'iceoryx2 in place'), figure: allocated, atMost: 1 });
  for (const [name, peerName] of [
    ['inPlaceOnRequest', 'iceoryx2 in place, on request as ours'],
    ['floor', 'shared_memory and a Pipe token, the floor'],
    ['floorOnRequest', 'the floor, on request as ours'],
  ])
    compare({ ...beside(medians, 'allocated', name, peerName), figure: '… beside' });
  compare({
    ...beside(medians, 'ordinary', 'copied', 'iceoryx2 copied'),
    figure: 'an ordinary numpy 1 MB, the same way',
    atMost: 1,
  });
  compare({
    ...beside(medians, 'ordinary', 'copiedOnRequest', 'iceoryx2 copied, on request as ours'),
    figure: '… beside',
  });
  compare({ ...beside(medians, 'ordinary', 'zeromq', 'ZeroMQ ipc'), figure: '… beside' });
  compare({ ...beside(medians, 'ordinary', 'pipe', 'multiprocessing Pipe'), figure: '… beside' });
  compare({
    ...beside(medians, 'large', 'allocated', 'its 1 MB'),
    figure: 'numpy 100 MB of ctx.allocate, the same way',
    atMost: 1.5,
  });
}

/** In a loop of their own, where nothing else runs between two items; and those that come near also one item at a time. */
function pythonPeers() {
  return {
    ...iceoryx2(),
    floor: peers.roundTrips('shared_memory', megabyte),
    floorOnRequest: peers.onRequest('shared_memory', megabyte),
    zeromq: peers.roundTrips('zeromq', { ...megabyte, items: 50 }),
    pipe: peers.roundTrips('pipe', { ...megabyte, items: 10 }),
  };
}

function iceoryx2() {
  const [inPlace, copied] = [false, true].map((is_copied) => ({ ...megabyte, is_copied }));
  return {
    inPlace: peers.roundTrips('iceoryx2', inPlace),
    inPlaceOnRequest: peers.onRequest('iceoryx2', inPlace),
    copied: peers.roundTrips('iceoryx2', copied),
    copiedOnRequest: peers.onRequest('iceoryx2', copied),
  };
}

async function smallItems() {
  const medians = await together(
    { direct: times(await ours.oneWay()), through: times(await ours.oneWay([new Between()])) },
    ROUNDS,
  );
  compare({
    ...beside(medians, 'direct', 'through', 'with a TypeScript node between'),
    figure: 'a small item, Python host → Python host, one way, p50',
    atMost: 0.5,
  });
}

/** Arrays from TypeScript to Python and back, in programs with the add-on and without it. */
async function withTypescript() {
  const node = await startNodePeers();
  const [without, withIt] = await Promise.all([false, true].map((hasAddOn) => startOursWorker({ hasAddOn })));
  const copies = copiesOf(BYTES);
  const items = ITEMS;
  const medians = await together(
    {
      ordinary: without.variant('there', { maker: 'Ordinary', items }),
      ordinaryWithIt: withIt.variant('there', { maker: 'Ordinary', items }),
      allocated: withIt.variant('there', { maker: 'Allocate', items }),
      copied: without.variant('back', { maker: 'Allocate', taker: 'First', items }),
      copiedTwice: without.variant('back', { maker: 'Ordinary', taker: 'First', items }),
      copiedWithIt: withIt.variant('back', { maker: 'Allocate', taker: 'First', items }),
      lent: withIt.variant('back', { maker: 'Allocate', taker: 'BorrowedFirst', items }),
      written: copies.write,
      read: copies.read,
      readAgain: copies.readAgain,
      zeromqThere: node.roundTrips('zeromq', { direction: 'there', items: 50 }),
      zeromqBack: node.roundTrips('zeromq', { direction: 'back', items: 20 }),
      pythoniaThere: node.roundTrips('pythonia', { direction: 'there', items: 1 }),
      pythoniaBack: node.roundTrips('pythonia', { direction: 'back', items: 1 }),
    },
    ROUNDS,
    WARM_UP_ROUNDS,
  );
  copies.close();
  await Promise.all([node.end(), without.end(), withIt.end()]);
  overOneCopy(medians, 'ordinary', 'written', 'Float32Array 1 MB, TypeScript → Python and an int back, p50');
  compare({ ...beside(medians, 'ordinary', 'zeromqThere', 'ZeroMQ ipc'), figure: '… beside' });
  compare({ ...beside(medians, 'ordinary', 'pythoniaThere', 'pythonia (a list)'), figure: '… beside' });
  withAddOn(medians.ordinaryWithIt, '… with the add-on');
  withAddOn(medians.allocated, '… with the add-on, made with ctx.allocate', 40);
  overOneCopy(
    medians,
    'copied',
    'readAgain',
    'an int, TypeScript → Python, and numpy 1 MB of ctx.allocate back, p50',
  );
  compare({
    ...beside(medians, 'copied', 'read', 'one copy into new memory'),
    figure: '… beside',
  });
  withAddOn(medians.copiedWithIt, '… with the add-on');
  withAddOn(medians.lent, '… with the add-on, lent to a node that does not keep it', 40);
  compare({ ...beside(medians, 'copiedTwice', 'zeromqBack', 'ZeroMQ ipc'), figure: '… an ordinary array' });
  compare({ ...beside(medians, 'copiedTwice', 'pythoniaBack', 'pythonia (a list)'), figure: '… beside' });
}

/** Wake-ups between processors included, which cost more than all the rest. */
async function onAllProcessors() {
  const medians = await together(
    {
      allocated: times(await ours.pythonToPython('Allocate', 1)),
      ordinary: times(await ours.pythonToPython('Ordinary', 1)),
      ...iceoryx2(),
    },
    ROUNDS,
  );
  const figure =
    'on all processors: numpy 1 MB of ctx.allocate, Python host → Python host and an int back, p50';
  compare({ ...beside(medians, 'allocated', 'inPlace', 'iceoryx2 in place'), figure });
  compare({
    ...beside(medians, 'allocated', 'inPlaceOnRequest', 'iceoryx2 in place, on request as ours'),
    figure: '… beside',
  });
  compare({ ...beside(medians, 'ordinary', 'copied', 'iceoryx2 copied'), figure: '… an ordinary one' });
  compare({
    ...beside(medians, 'ordinary', 'copiedOnRequest', 'iceoryx2 copied, on request as ours'),
    figure: '… beside',
  });
}

/** Last and alone: what Ray runs beside it would slow the others. */
async function compiledGraph() {
  keepToOne();
  const rays = await startPythonPeers();
  const ray = rays.roundTrips('ray', { mebibytes: 1, items: 100 });
  const medians = await together({ ordinary: times(await ours.pythonToPython('Ordinary', 1)), ray }, 5);
  compare({
    ...beside(medians, 'ordinary', 'ray', 'Ray compiled graph'),
    figure: 'an ordinary numpy 1 MB, Python host → Python host and an int back, p50',
  });
  await rays.end();
}

function times(run) {
  return () => run(ITEMS);
}

function beside(medians, name, peer, peerName) {
  return { ours: medians[name], peer: medians[peer], peerName, unit: 'µs' };
}

/** What is allowed is one copy, and 40 µs for all else. */
function overOneCopy(medians, name, copy, figure) {
  const atMost = medians[copy] + 40;
  report({
    ...beside(medians, name, copy, 'one copy of it'),
    figure,
    limit: `≤ the copy + 40 µs (${atMost.toFixed(0)})`,
    isMet: medians[name] <= atMost,
  });
}

function withAddOn(duration, figure, atMost) {
  const isThere = duration !== undefined;
  report({
    figure,
    ours: duration,
    unit: 'µs',
    peerName: isThere ? '' : 'koffi (not there)',
    limit: atMost === undefined ? 'shown' : `≤ ${atMost} µs`,
    isMet: isThere ? atMost === undefined || duration <= atMost : undefined,
  });
}

/** One copy from an array into shared memory, and one from there into a new array or one that was there: means of many, in µs. */
function copiesOf(byteCount) {
  const folder = mkdtempSync(join(sharedMemoryFolder, 'remotemedia-bench-'));
  const file = openSync(join(folder, 'copy'), 'w+');
  const array = new Uint8Array(byteCount);
  const each = (copy) => () => {
    const start = performance.now();
    for (let count = 0; count < ITEMS; count++) copy();
    return ((performance.now() - start) * 1e3) / ITEMS;
  };
  return {
    write: each(() => writeSync(file, array, 0, byteCount, 0)),
    read: each(() => readSync(file, new Uint8Array(byteCount), 0, byteCount, 0)),
    readAgain: each(() => readSync(file, array, 0, byteCount, 0)),
    close() {
      closeSync(file);
      rmSync(folder, { recursive: true });
    },
  };
}
