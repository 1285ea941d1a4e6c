// Peers between Node.js and Python.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../measure.mjs';
import { answerRequests } from './answer.mjs';
import { NODE_PEERS, pythonOfPeers } from './peers.mjs';

const require = createRequire(join(NODE_PEERS, 'package.json'));
const BYTES = 1 << 20;
const kept = new Map();
const endings = [];

const MAKE = {
  zeromq: { there: zeromqThere, back: zeromqBack },
  pythonia: { there: pythoniaThere, back: pythoniaBack },
};

/** What may be asked for. */
const CASES = {
  available: () =>
    Object.keys(MAKE).filter((name) => {
      try {
        return require.resolve(name) !== '';
      } catch {
        return false;
      }
    }),

  /** A mebibyte there and an int back, or an int there and a mebibyte back: the median in µs. */
  async round_trips({ peer, direction, items }) {
    const key = `${peer} ${direction}`;
    if (!kept.has(key)) kept.set(key, await MAKE[peer][direction]());
    const ask = kept.get(key);
    const durations = [];
    for (let number = 0; number < items; number++) {
      const start = performance.now();
      const answer = await ask(number);
      durations.push((performance.now() - start) * 1e3);
      if (answer !== number) throw new Error(`${peer}: ${number} came back as ${answer}`);
    }
    return median(durations);
  },
};

await answerRequests(CASES, () => {
  for (const end of endings) end();
});

async function zeromqThere() {
  const socket = await zeromq('zeromq', 'float32');
  const arrays = [new Float32Array(BYTES / 4), new Float32Array(BYTES / 4)];
  return async (number) => {
    const array = arrays[number % 2];
    array[0] = number;
    await socket.send(array);
    const [answer] = await socket.receive();
    return Number(answer.toString());
  };
}

async function zeromqBack() {
  const socket = await zeromq('zeromq_arrays');
  return async (number) => {
    await socket.send(String(number));
    const [answer] = await socket.receive();
    return answer.readDoubleLE();
  };
}

async function zeromq(side, ...args) {
  const { Pair } = require('zeromq');
  const folder = mkdtempSync(join(tmpdir(), 'remotemedia-bench-'));
  const address = `ipc://${folder}/zeromq`;
  const socket = new Pair();
  await socket.bind(address);
  const { program } = pythonOfPeers();
  const command = [join(import.meta.dirname, 'far_side.py'), side, address, ...args];
  const child = spawn(program, command, { stdio: ['pipe', 'pipe', 'inherit'] });
  endings.push(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return socket;
}

async function pythoniaThere() {
  const side = await pythoniaSide();
  const array = new Float32Array(BYTES / 4);
  return async (number) => {
    array[0] = number;
    // A typed array is an object of this side to Python, which asks for each number; a list crosses as a whole.
    return side.first(Array.from(array));
  };
}

async function pythoniaBack() {
  const side = await pythoniaSide();
  return async (number) => {
    const list = await side.array_of(number);
    return (await list.valueOf())[0];
  };
}

async function pythoniaSide() {
  process.env['PYTHON_BIN'] = pythonOfPeers().program;
  const { python } = require('pythonia');
  endings.push(() => python.exit());
  return python(join(import.meta.dirname, 'pythonia_side.py'));
}
