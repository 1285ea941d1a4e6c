// What nodes only pass on to a slow one, and what is garbage, nobody keeps; who keeps is named, through hosts of both languages.
import { join } from 'node:path';
import { Node, Pipeline, startPythonHost, Tensor } from 'remotemedia';

class Fill extends Node {
  name = 'fill';
  process(value) {
    return new Tensor('uint8', [2 ** 20], new Uint8Array(2 ** 20).fill(value));
  }
}

class Pass extends Node {
  name = 'pass';
  process(item) {
    return item;
  }
}

const hosts = await Promise.all([startPythonHost(), startPythonHost()]);

async function make(host, name) {
  const node = await hosts[host].create({ file: join(import.meta.dirname, 'nodes.py'), class: name });
  node.name = name.toLowerCase();
  return node;
}

async function run(count, ...nodes) {
  try {
    return (await new Pipeline(nodes).run(Array(count).keys())).length;
  } catch ({ code, nodeId, message }) {
    return { code, nodeId, message };
  }
}

const [echo, made] = [await make(0, 'Echo'), await make(0, 'MakeMebibyte')];
const runs = {
  slow: async () => run(240, new Fill(), echo, await make(1, 'Slow')),
  garbage: async () => run(240, new Fill(), echo, await make(1, 'Cycles')),
  here: async () => run(240, made, new Pass(), new Pass(), await make(1, 'Echo')),
  kept: async () => run(800, new Fill(), echo, await make(1, 'KeepAll')),
  behind: async () => run(800, made, new Pass(), await make(1, 'KeepAll')),
};
const result = [];
for (const name of process.env.RUNS.split(' ')) result.push(await runs[name]());
for (const host of hosts) await host.close();
console.log(JSON.stringify(result));
