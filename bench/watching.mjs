// What it costs to watch a session: per item and node, sync and async, and per session that is opened.
import { Node, Pipeline } from 'remotemedia';
import { interleave, report } from './measure.mjs';

const NODES = 10;
const SYNC_ITEMS = 100_000;
const ASYNC_ITEMS = 5000;
const OPENED = 200;

class Add extends Node {
  process(value) {
    return value + 1;
  }
}
class AddLater extends Node {
  async process(value) {
    return value + 1;
  }
}
// All others are, by default.
const UNWATCHED = { stuckAfterMs: 0 };

await cost('10 sync nodes, per item and node', Add, SYNC_ITEMS, 0.02);
await cost('10 async nodes, per item and node', AddLater, ASYNC_ITEMS, 0.2);
await opening();
process.exit();

async function cost(what, type, items, limitUs) {
  const pipeline = new Pipeline(Array.from({ length: NODES }, () => new type()));
  const µs = await interleave(
    {
      watched: () => perItem(pipeline, items, {}),
      unwatched: () => perItem(pipeline, items, UNWATCHED),
    },
    15,
    4,
  );
  const added = µs.watched - µs.unwatched;
  report({
    figure: `a watched session, ${what}`,
    ours: µs.watched,
    peer: µs.unwatched,
    peerName: 'the same, not watched',
    unit: 'µs',
    limit: `≤ ${limitUs} µs more`,
    isMet: added <= limitUs,
  });
}

async function perItem(pipeline, items, options) {
  const session = await pipeline.open(options);
  const start = performance.now();
  const reading = readAll(session);
  for (let index = 0; index < items; index++) await session.write(index);
  session.end();
  await reading;
  return ((performance.now() - start) * 1e3) / items / NODES;
}

async function opening() {
  const pipeline = new Pipeline(Array.from({ length: 5 }, () => new Add()));
  const ms = await interleave(
    { watched: () => perSession(pipeline, {}), unwatched: () => perSession(pipeline, UNWATCHED) },
    10,
  );
  report({
    figure: 'to open and end a watched session of 5 sync nodes',
    ours: ms.watched * 1e3,
    peer: ms.unwatched * 1e3,
    peerName: 'the same, not watched',
    unit: 'µs',
    limit: '≤ 50 µs more',
    isMet: ms.watched - ms.unwatched <= 0.05,
  });
}

async function perSession(pipeline, options) {
  const start = performance.now();
  for (let index = 0; index < OPENED; index++) {
    const session = await pipeline.open(options);
    session.end();
    await readAll(session);
  }
  return (performance.now() - start) / OPENED;
}

async function readAll(outputs) {
  for await (const output of outputs) void output;
}
