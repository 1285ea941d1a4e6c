// Ten sync nodes in this process, a million items: what the runtime adds to a plain loop, beside what people use instead.
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline as streamPipeline } from 'node:stream/promises';
import { Effect, Stream } from 'effect';
import { executePipelineWithInput, Node } from 'remotemedia';
import { concatMap, from, lastValueFrom, map, of, toArray } from 'rxjs';
import { interleave, report, timed } from './measure.mjs';

const NODES = 10;
const ITEMS = 1_000_000;
/** Peers that are far slower get fewer items; the figures are per item. */
const FEWER_ITEMS = 100_000;

class Step extends Node {
  process(item) {
    return (item * 3 + 1) & 1023;
  }
}

const makeNodes = () => Array.from({ length: NODES }, () => new Step());
const items = Array.from({ length: ITEMS }, (_, index) => index);
const fewerItems = items.slice(0, FEWER_ITEMS);

/** The loop that people write. */
async function plainLoop() {
  const nodes = makeNodes();
  const outputs = [];
  for (const item of items) {
    let value = item;
    for (const node of nodes) {
      value = node.process(value);
      if (isThenable(value)) value = await value;
    }
    outputs.push(value);
  }
  return outputs;
}

/** The fastest loop that still awaits only thenables: indices instead of iterators, which V8 compiles better in an async function. */
async function indexedLoop() {
  const nodes = makeNodes();
  const outputs = [];
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- this is what is measured.
  for (let index = 0; index < items.length; index++) {
    let value = items[index];
    // eslint-disable-next-line @typescript-eslint/prefer-for-of -- this is what is measured.
    for (let position = 0; position < nodes.length; position++) {
      value = nodes[position].process(value);
      if (isThenable(value)) value = await value;
    }
    outputs.push(value);
  }
  return outputs;
}

function isThenable(value) {
  return typeof value === 'object' && value !== null && typeof value.then === 'function';
}

async function asyncGenerators() {
  const wrap = async function* (node, input) {
    for await (const item of input) yield node.process(item);
  };
  let stream = from_(fewerItems);
  for (const node of makeNodes()) stream = wrap(node, stream);
  const outputs = [];
  for await (const item of stream) outputs.push(item);
  return outputs;
}

async function* from_(list) {
  yield* list;
}

async function objectStreams() {
  const outputs = [];
  const transforms = makeNodes().map(
    (node) =>
      new Transform({ objectMode: true, transform: (item, _, done) => done(null, node.process(item)) }),
  );
  const sink = new Writable({
    objectMode: true,
    write: (item, _, done) => {
      outputs.push(item);
      done();
    },
  });
  await streamPipeline(Readable.from(fewerItems), ...transforms, sink);
  return outputs;
}

const chained = (start, step) => makeNodes().reduce(step, start);
const rxMap = () =>
  lastValueFrom(
    chained(from(items), (stream, node) => stream.pipe(map((item) => node.process(item)))).pipe(toArray()),
  );
const rxConcatMap = () =>
  lastValueFrom(
    chained(from(fewerItems), (stream, node) =>
      stream.pipe(concatMap((item) => of(node.process(item)))),
    ).pipe(toArray()),
  );
const effectMap = () =>
  Effect.runPromise(
    Stream.runCollect(
      chained(Stream.fromIterable(items), (stream, node) => Stream.map(stream, (item) => node.process(item))),
    ),
  );
const effectMapEffect = () =>
  Effect.runPromise(
    Stream.runCollect(
      chained(Stream.fromIterable(fewerItems), (stream, node) =>
        Stream.mapEffect(stream, (item) => Effect.sync(() => node.process(item))),
      ),
    ),
  );

const perItemAndNode = (run, count) => async () => ((await timed(run)) * 1e3) / count / NODES;
const medians = await interleave(
  {
    plain: perItemAndNode(plainLoop, ITEMS),
    indexed: perItemAndNode(indexedLoop, ITEMS),
    ours: perItemAndNode(() => executePipelineWithInput(makeNodes(), items), ITEMS),
    metered: perItemAndNode(
      () => executePipelineWithInput(makeNodes(), items, { enableMetrics: true }),
      ITEMS,
    ),
    asyncGenerators: perItemAndNode(asyncGenerators, FEWER_ITEMS),
    objectStreams: perItemAndNode(objectStreams, FEWER_ITEMS),
    rxConcatMap: perItemAndNode(rxConcatMap, FEWER_ITEMS),
    rxMap: perItemAndNode(rxMap, ITEMS),
    effectMap: perItemAndNode(effectMap, ITEMS),
    effectMapEffect: perItemAndNode(effectMapEffect, FEWER_ITEMS),
  },
  7,
);

const unit = 'µs per item and node';
const { ours, plain } = medians;
report({
  figure: '10 sync nodes, 1 million items',
  ours,
  peer: plain,
  peerName: 'plain loop',
  unit,
  limit: '≤ 2 ×',
  isMet: ours <= 2 * plain,
});
report({
  figure: '… with metrics on',
  ours: medians.metered,
  peer: plain,
  peerName: 'plain loop',
  unit,
  limit: '≤ 3 ×',
  isMet: medians.metered <= 3 * plain,
});
report({
  figure: '… beside the fastest plain loop',
  ours,
  peer: medians.indexed,
  peerName: 'plain loop by index',
  unit,
  limit: '≤ 2 ×',
  isMet: ours <= 2 * medians.indexed,
});
report({
  figure: '… with metrics on, beside the fastest plain loop',
  ours: medians.metered,
  peer: medians.indexed,
  peerName: 'plain loop by index',
  unit,
  limit: '≤ 3 ×',
  isMet: medians.metered <= 3 * medians.indexed,
});
const mustBeat = {
  asyncGenerators: 'async generators',
  objectStreams: 'Node.js object streams',
  rxConcatMap: 'RxJS concatMap',
  effectMapEffect: 'Effect mapEffect',
};
for (const [key, peerName] of Object.entries(mustBeat)) {
  report({
    figure: '… beside',
    ours,
    peer: medians[key],
    peerName,
    unit,
    limit: '< 1 ×',
    isMet: ours < medians[key],
  });
}
for (const [key, peerName] of Object.entries({
  rxMap: 'RxJS map (no backpressure)',
  effectMap: 'Effect map (in chunks)',
})) {
  report({ figure: '… beside', ours, peer: medians[key], peerName, unit, limit: 'shown', isMet: true });
}
