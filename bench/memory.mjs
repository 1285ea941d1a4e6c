// Memory over ten million streamed items: the heap after a collection, and the resident set, must not grow.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Node, Pipeline } from 'remotemedia';
import { report } from './measure.mjs';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const ITEMS = 10_000_000;
const SAMPLES = 10;

class Wrap extends Node {
  process(item) {
    return { item };
  }
}
class Unwrap extends Node {
  async process({ item }) {
    return item;
  }
}

function* input() {
  for (let index = 0; index < ITEMS; index++) yield index;
}

const heap = [];
const resident = [];
let count = 0;
for await (const item of new Pipeline()
  .pipe(new Wrap())
  .pipe(new Unwrap())
  .pipe(new Wrap())
  .stream(input())) {
  void item;
  if (++count % (ITEMS / SAMPLES) !== 0) continue;
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  heap.push(heapUsed / 2 ** 20);
  resident.push(rss / 2 ** 20);
}
const growth = Math.max(...heap.slice(1)) - heap[0];
report({
  figure: 'memory over 10 million streamed items: heap growth',
  ours: growth,
  peer: heap[0],
  peerName: 'the heap after 1 million',
  unit: 'MiB',
  limit: 'flat (≤ 1 MiB)',
  isMet: growth <= 1,
});
const residentGrowth = Math.max(...resident.slice(1)) - resident[0];
report({
  figure: '… growth of the resident set',
  ours: residentGrowth,
  peer: resident[0],
  peerName: 'the resident set after 1 million',
  unit: 'MiB',
  limit: 'flat (≤ 16 MiB, a generation of the young heap)',
  isMet: residentGrowth <= 16,
});
