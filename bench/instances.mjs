// Live instances in workers and processes: how soon the first output is there, and what a second processor brings.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Node, PassThroughNode, Pipeline } from 'remotemedia';
import { interleave, median, report, timed } from './measure.mjs';

const WARM_RUNS = 30;
const ROUNDS = 5;
const SPIN_ROUNDS = 3e7;

/** Of the entry script: it goes by value. */
class Spin extends Node {
  process(rounds) {
    let value = 1;
    for (let round = 0; round < rounds; round++) value = (value * 1_103_515_245 + 12_345) % 2_147_483_648;
    return value;
  }
}

/** From the call to the first output, in ms. */
async function firstOutput(pipeline, input) {
  const start = performance.now();
  const stream = pipeline.stream([input]);
  await stream.next();
  const duration = performance.now() - start;
  await stream.next();
  return duration;
}

/** Two nodes beside each other, each in a host of its own or both here. */
async function beside(executor) {
  const each = new PassThroughNode();
  const pipeline = new Pipeline('beside')
    .connect(each, new Spin({ executor, name: 'left' }))
    .connect(each, new Spin({ executor, name: 'right' }));
  await pipeline.run(1);
  return () => timed(() => pipeline.run(SPIN_ROUNDS));
}

/** The same in two bare threads: what the machine gives. */
async function bareThreads() {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const spin = new (class { ${String(Spin.prototype.process)} })();
    parentPort.on('message', (rounds) => parentPort.postMessage(spin.process(rounds)));`;
  const workers = [new Worker(code, { eval: true }), new Worker(code, { eval: true })];
  for (const worker of workers) worker.unref();
  const run = (rounds) =>
    Promise.all(
      workers.map((worker) => {
        worker.ref();
        worker.postMessage(rounds);
        return once(worker, 'message').then(() => worker.unref());
      }),
    );
  await run(1);
  return () => timed(() => run(SPIN_ROUNDS));
}

const limits = { process: { cold: 250, warm: 5 }, worker: {} };
for (const executor of ['process', 'worker']) {
  const pipeline = new Pipeline([new PassThroughNode({ executor })]);
  const cold = await firstOutput(pipeline, 'x');
  const warm = [];
  for (let run = 0; run < WARM_RUNS; run++) warm.push(await firstOutput(pipeline, 'x'));
  for (const [how, ms] of Object.entries({ cold, warm: median(warm) })) {
    const limit = limits[executor][how];
    report({
      figure: `node marked ${executor}: first output, ${how} host`,
      ours: ms,
      unit: 'ms',
      ...(limit === undefined ? {} : { limit: `≤ ${limit} ms`, isMet: ms <= limit }),
    });
  }
}

const spinning = await interleave(
  {
    bare: await bareThreads(),
    here: await beside('in-process'),
    worker: await beside('worker'),
    process: await beside('process'),
  },
  ROUNDS,
  1,
);
for (const executor of ['worker', 'process']) {
  report({
    figure: `two nodes that compute, each in a ${executor}: time beside both in one thread`,
    ours: spinning[executor] / spinning.here,
    unit: '×',
    peer: spinning.bare / spinning.here,
    peerName: 'bare threads',
    limit: '≤ 1.15 × bare threads',
    isMet: spinning[executor] <= 1.15 * spinning.bare,
  });
}
