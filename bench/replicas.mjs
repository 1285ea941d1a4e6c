// Items that take 5 ms of computing, through a node in processes of its own: two replicas beside one, in a TypeScript and in a Python program.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Node, Pipeline } from 'remotemedia';
import { interleave, report } from './measure.mjs';
import { findOurs } from './python-driver/peers.mjs';

const ITEMS = 150;
const ITEM_MS = 5;
const ROUNDS = 5;
const MOST = 0.6;

class Burn extends Node {
  process(durationMs) {
    const ends = process.cpuUsage().user + durationMs * 1e3;
    while (process.cpuUsage().user < ends);
    return durationMs;
  }
}

/** Time per item in ms, from the first write to the last output. */
async function inTypeScript(replicas) {
  await using session = await Pipeline.from(new Burn({ executor: 'process', replicas })).open();
  const start = performance.now();
  const write = async () => {
    for (let index = 0; index < ITEMS; index++) await session.write(ITEM_MS);
    session.end();
  };
  const writing = write();
  let count = 0;
  for await (const output of session) count += output / ITEM_MS;
  await writing;
  if (count !== ITEMS) throw new Error(`${count} of ${ITEMS} items came out.`);
  return (performance.now() - start) / ITEMS;
}

const python = findOurs();
function inPython(replicas) {
  const program = join(import.meta.dirname, 'replicas', 'burn.py');
  const given = [program, replicas, ITEMS, ITEM_MS].map(String);
  return Number(execFileSync(python.program, given, { encoding: 'utf8', env: python.env }));
}

const medians = await interleave(
  {
    typescript1: () => inTypeScript(1),
    typescript2: () => inTypeScript(2),
    python1: () => inPython(1),
    python2: () => inPython(2),
  },
  ROUNDS,
  1,
);
for (const [language, name] of [
  ['typescript', 'TypeScript'],
  ['python', 'Python'],
]) {
  const [one, two] = [medians[`${language}1`], medians[`${language}2`]];
  report({
    figure: `${ITEM_MS} ms of computing per item, 2 replicas (${name})`,
    ours: two,
    peer: one,
    peerName: '1 replica',
    unit: 'ms per item',
    limit: `≤ ${MOST} of one, on two free processors`,
    isMet: two <= MOST * one,
  });
}
