// A Python node keeps every array that it gets; what it keeps is more than the limit.
import { join } from 'node:path';
import { Node, Pipeline, startPythonHost } from 'remotemedia';

class Fill extends Node {
  name = 'fill';
  process(value) {
    return new Float64Array(131_072).fill(value);
  }
}

const host = await startPythonHost();
const keep = await host.create({ file: join(import.meta.dirname, 'nodes.py'), class: 'KeepAll' });
keep.name = 'keep';
const outputs = [];
let failure;
try {
  for await (const output of new Pipeline([new Fill(), keep]).stream(Array(200).keys())) outputs.push(output);
} catch ({ name, code, nodeId, message }) {
  failure = { name, code, nodeId, message };
}
await host.close();
console.log(JSON.stringify({ failure, outputs: outputs.length }));
