// Live sessions: what an item costs, what an interruption takes, and what an idle session holds. Pipecat and LiveKit Agents are measured
// where `npm run bench:peers` has installed them.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Node, Pipeline, startPythonHost } from 'remotemedia';
import { itemsThrough, NODES, oneAtATime } from './live-sessions/chains.mjs';
import { startOurs, startPeer } from './live-sessions/peers.mjs';
import { median, percentile, report } from './measure.mjs';
import { bound, compare, together } from './python-driver/figures.mjs';

const ITEMS = 50_000;
const PYTHON_ITEMS = 20_000;
const PIPECAT_ITEMS = 2000;
const SINGLE_ITEMS = 1000;
const CHUNKS = { count: 100, interval: 0.02, byte_length: 640 };
const STALE = 10_000;
// The compiler of JavaScript takes its time; and of fewer than some hundreds p99 would be the worst one.
const WARM_UP_INTERRUPTIONS = 20;
const INTERRUPTIONS = 300;
const IDLE = 10_000;

class Same extends Node {
  process(value) {
    return value;
  }
}

const ours = startOurs();
const [pipecat, livekit] = ['pipecat', 'livekit'].map(startPeer);
if (pipecat === undefined)
  console.error('Pipecat and LiveKit Agents are not installed (`npm run bench:peers` installs them).');
await items();
await latency();
await atPace();
await Promise.all([ours, pipecat, livekit].map((program) => program?.end()));
await interruptions();
await idle();
process.exit();

/** Many items through sync nodes. */
async function items() {
  const asked = pipecat && ((is_direct) => () => pipecat.ask('items', { count: PIPECAT_ITEMS, is_direct }));
  const medians = await together(
    {
      session: () => itemsThrough.session(ITEMS),
      streams: () => itemsThrough.streams(ITEMS),
      rxMap: () => itemsThrough.rxMap(ITEMS),
      rxConcatMap: () => itemsThrough.rxConcatMap(ITEMS),
      python: () => ours.ask('items', { count: PYTHON_ITEMS }),
      direct: asked?.(true),
      queued: asked?.(false),
    },
    5,
  );
  const figure = `a live session, ${NODES} sync nodes, per item and node`;
  const common = { ours: medians.session, unit: 'µs' };
  bound({ ...common, figure, peer: medians.streams, peerName: 'Node.js object streams', atMost: 0.3 });
  besides(common, medians, { rxMap: 'RxJS map (no bound)', rxConcatMap: 'RxJS concatMap (no bound)' });
  const inPython = { ours: medians.python, unit: 'µs' };
  const direct = { peer: medians.direct, peerName: nameOf(medians.direct, 'Pipecat, direct mode') };
  bound({ ...inPython, ...direct, figure: `Python: ${figure}`, atMost: 1 });
  besides(inPython, medians, { queued: 'Pipecat' });
}

/** One item at a time through async nodes, over what the nodes take by themselves. */
async function latency() {
  const count = SINGLE_ITEMS;
  const asked = (program, name, args) =>
    program && (async () => median(await program.ask(name, { count, ...args })));
  const medians = await together(
    {
      session: () => oneAtATime.session(count),
      plain: () => oneAtATime.plain(count),
      streams: () => oneAtATime.streams(count),
      rxConcatMap: () => oneAtATime.rxConcatMap(count),
      python: asked(ours, 'one_at_a_time'),
      pythonPlain: asked(ours, 'plain'),
      direct: asked(pipecat, 'one_at_a_time', { is_direct: true }),
      queued: asked(pipecat, 'one_at_a_time', { is_direct: false }),
    },
    5,
  );
  const added = addedLatencies(medians);
  const figure = `latency that a session adds to ${NODES} async nodes, one item at a time, p50`;
  const direct = { peer: added.direct, peerName: 'Pipecat, direct mode', atMost: 0.5 };
  const common = { ours: added.session, unit: 'µs' };
  compare({ ...common, ...direct, figure });
  besides(common, added, { streams: 'Node.js object streams', rxConcatMap: 'RxJS concatMap' });
  const inPython = { ours: added.python, unit: 'µs' };
  compare({ ...inPython, ...direct, figure: `Python: ${figure}` });
  besides(inPython, added, { queued: 'Pipecat' });
}

function addedLatencies({ plain, pythonPlain, ...medians }) {
  const inPython = new Set(['python', 'direct', 'queued']);
  return Object.fromEntries(
    Object.entries(medians).map(([name, duration]) => [
      name,
      duration - (inPython.has(name) ? pythonPlain : plain),
    ]),
  );
}

/** 20 ms of audio at a time, as a microphone gives them, from where they come in to the first node. */
async function atPace() {
  const latencies = {};
  const asked = (name, program) =>
    program &&
    (async () => {
      const durations = await program.ask('chunks', CHUNKS);
      (latencies[name] ??= []).push(percentile(durations, 99));
      return percentile(durations, 50);
    });
  const programs = { ours, pipecat, livekit };
  const runs = Object.entries(programs).map(([name, program]) => [name, asked(name, program)]);
  const medians = await together(Object.fromEntries(runs), 3, 1);
  const p99 = Object.fromEntries(Object.entries(latencies).map(([name, values]) => [name, median(values)]));
  for (const [percent, values] of Object.entries({ p50: medians, p99 })) {
    const common = { ours: values.ours, unit: 'µs' };
    const figure = `Python: 20 ms audio chunks at pace, from the write to the node, ${percent}`;
    besides(common, values, { pipecat: 'Pipecat' }, figure);
    besides(common, values, { livekit: 'LiveKit Agents' });
  }
}

/** Rows that only show, ours beside each of these. */
function besides(common, values, names, figure = '… beside') {
  for (const [name, peerName] of Object.entries(names))
    compare({ ...common, figure, peer: values[name], peerName });
}

function nameOf(value, name) {
  return value === undefined ? `${name} (not there)` : name;
}

/** Every odd item waits in the last of three hosts until it is interrupted; all others queue behind the first of them. */
async function interruptions() {
  const first = await startPythonHost({ name: 'first' });
  const third = await startPythonHost({ name: 'third' });
  const source = `
import asyncio
class Same:
    def initialize(self): pass
    def process(self, item): return item
class Wait:
    def initialize(self): pass
    async def process(self, item):
        if item % 2: await asyncio.Event().wait()
        return item
`;
  const nodes = [
    await first.create({ source, class: 'Same' }),
    new Same({ executor: 'worker' }),
    await third.create({ source, class: 'Wait' }),
  ];
  const session = await new Pipeline(nodes).open({ maxPending: STALE });
  const latencies = [];
  for (let round = 0; round < WARM_UP_INTERRUPTIONS + INTERRUPTIONS; round++) {
    for (let index = 0; index < STALE; index++) session.tryWrite(1);
    await sleep(100);
    const start = performance.now();
    session.interrupt();
    void session.write(2);
    await session.next();
    if (round >= WARM_UP_INTERRUPTIONS) latencies.push(performance.now() - start);
  }
  await session.cancel();
  await first.close();
  await third.close();
  for (const [percent, atMost] of [[50], [99, 5]])
    bound({
      figure: `interrupt to first new output, ${STALE} stale items over three hosts, p${percent}`,
      ours: percentile(latencies, percent),
      unit: 'ms',
      atMost,
    });
}

async function idle() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const pipeline = new Pipeline(Array.from({ length: 5 }, () => new Same()));
  for (let warmUp = 0; warmUp < 100; warmUp++) await (await pipeline.open()).cancel();
  collect();
  const before = process.memoryUsage().heapUsed;
  const sessions = [];
  for (let index = 0; index < IDLE; index++) sessions.push(await pipeline.open());
  collect();
  const kibibytes = (process.memoryUsage().heapUsed - before) / 1024 / IDLE;
  for (const session of sessions) await session.cancel();
  report({
    figure: `${IDLE} idle sessions of a 5-node pipeline, each`,
    ours: kibibytes,
    unit: 'KiB',
    limit: '≤ 20 KiB',
    isMet: kibibytes <= 20,
  });
}
