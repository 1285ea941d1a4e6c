// Live sessions: what an item costs, what an interruption takes, and what an idle session holds.
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Node, Pipeline, startPythonHost } from 'remotemedia';
import { interleave, percentile, report } from './measure.mjs';

const NODES = 10;
const ITEMS = 50_000;
const STALE = 10_000;
const INTERRUPTIONS = 60;
const IDLE = 10_000;

class Add extends Node {
  process(value) {
    return value + 1;
  }
}
class Same extends Node {
  process(value) {
    return value;
  }
}

await items();
await interruptions();
await idle();
process.exit();

async function items() {
  const pipeline = new Pipeline(Array.from({ length: NODES }, () => new Add()));
  const µs = await interleave(
    {
      ours: async () => {
        const session = await pipeline.open();
        const start = performance.now();
        const reading = readAll(session);
        for (let index = 0; index < ITEMS; index++) await session.write(index);
        session.end();
        await reading;
        return ((performance.now() - start) * 1e3) / ITEMS / NODES;
      },
      streams: async () => {
        const [first, ...others] = Array.from({ length: NODES }, addStream);
        const start = performance.now();
        const reading = readAll(others.reduce((stream, next) => stream.pipe(next), first));
        for (let index = 0; index < ITEMS; index++)
          if (!first.write(index)) await new Promise((resolve) => first.once('drain', resolve));
        first.end();
        await reading;
        return ((performance.now() - start) * 1e3) / ITEMS / NODES;
      },
    },
    5,
  );
  report({
    figure: `a live session, ${NODES} sync nodes, per item and node`,
    ours: µs.ours,
    peer: µs.streams,
    peerName: 'Node.js object streams',
    unit: 'µs',
    limit: '≤ 0.3 µs',
    isMet: µs.ours <= 0.3,
  });
}

function addStream() {
  return new Transform({
    objectMode: true,
    transform(value, _encoding, done) {
      done(null, value + 1);
    },
  });
}

async function readAll(outputs) {
  let count = 0;
  for await (const output of outputs) {
    void output;
    count++;
  }
  if (count !== ITEMS) throw new Error(`${count} items came out`);
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
  for (let round = 0; round < INTERRUPTIONS; round++) {
    for (let index = 0; index < STALE; index++) session.tryWrite(1);
    await sleep(100);
    const start = performance.now();
    session.interrupt();
    void session.write(2);
    await session.next();
    latencies.push(performance.now() - start);
  }
  await session.cancel();
  await first.close();
  await third.close();
  for (const [percent, limit] of [[50], [99, 5]]) {
    const latency = percentile(latencies, percent);
    report({
      figure: `interrupt to first new output, ${STALE} stale items over three hosts, p${percent}`,
      ours: latency,
      unit: 'ms',
      limit: limit === undefined ? 'shown' : `≤ ${limit} ms`,
      isMet: limit === undefined || latency <= limit,
    });
  }
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
