// Kills one of its hosts in the middle of each run, and says how the runs ended. Arguments: rounds, seed.
import { fileURLToPath } from 'node:url';
import { Node, Pipeline, startPythonHost } from 'remotemedia';
import { arrays, randomOf } from './load.mjs';

const [rounds, seed] = process.argv.slice(2).map(Number);
const random = randomOf(seed);
const file = fileURLToPath(new URL('arrays.py', import.meta.url));

class Where extends Node {
  process(array) {
    return array.length === 10 ? process.pid : array;
  }
}

const hosts = new Map();

async function python(name, member) {
  if (!hosts.has(name)) {
    const host = await startPythonHost();
    hosts.set(name, { host, node: await host.create({ file, class: member }) });
  }
  return hosts.get(name);
}

async function round(number) {
  const first = await python('producer', 'Pass');
  const second = await python('consumer', 'Pass');
  const inProcess = new Where({ executor: 'process' });
  const nodes = [first.node, inProcess, second.node];
  const victim = ['producer', 'process', 'consumer'][Math.floor(random() * 3)];
  const deadline = Math.floor(random() * 40);
  let outputs = 0;
  let pid;
  const kill = () => {
    process.kill(victim === 'process' ? pid : hosts.get(victim).host.pid, 'SIGKILL');
    hosts.delete(victim);
  };
  try {
    for await (const output of new Pipeline(nodes).stream(arrays(random))) {
      if (typeof output === 'number') pid = output;
      if (outputs++ === deadline) kill();
    }
    return { number, victim, code: 'it ended' };
  } catch (error) {
    return { number, victim, code: error.code };
  }
}

for (let number = 0; number < rounds; number++) console.log(JSON.stringify(await round(number)));
for (const { host } of hosts.values()) await host.close();
