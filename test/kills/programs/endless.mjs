// A pipeline over three hosts that never ends: says the processes that it has started, then a line for each output. Argument: seed.
import { fileURLToPath } from 'node:url';
import { Node, Pipeline, startPythonHost } from 'remotemedia';
import { arrays, randomOf } from './load.mjs';

const file = fileURLToPath(new URL('arrays.py', import.meta.url));
const python = await startPythonHost();

class Where extends Node {
  process(array) {
    return array.length === 10 ? process.pid : array;
  }
}

const nodes = [
  await python.create({ file, class: 'Pass' }),
  new Where({ executor: 'process' }),
  await (await startPythonHost()).create({ file, class: 'Pass' }),
];
for await (const output of new Pipeline(nodes).stream(arrays(randomOf(Number(process.argv[2]))))) {
  console.log(typeof output === 'number' ? 'ready' : 'output');
}
