// A Python node keeps what it got in all runs; says of each array whether it lies in shared memory.
import { join } from 'node:path';
import { Node, Pipeline, startPythonHost, Tensor } from 'remotemedia';

class Fill extends Node {
  process(value) {
    return new Tensor('uint8', [5 * 2 ** 20], new Uint8Array(5 * 2 ** 20).fill(value));
  }
}

const host = await startPythonHost();
const keep = await host.create({ file: join(import.meta.dirname, 'nodes.py'), class: 'KeepOn' });
const pipeline = new Pipeline([new Fill(), keep]);
const areShared = [];
for (let count = 0; count < 8; count++) areShared.push(await pipeline.run([count]));
await keep.call('forget');
areShared.push(await pipeline.run([9]));
await host.close();
console.log(JSON.stringify(areShared));
