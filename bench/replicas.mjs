// Items that take 5 ms of computing, through a node in processes of its own: two replicas beside one, in a TypeScript and in a Python program.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Node, Pipeline } from 'remotemedia';
import { interleave, report } from './measure.mjs';
import { findOurs } from './python-driver/peers.mjs';

const ITEMS = 100;
const ITEM_MS = 5;
const ROUNDS = 3;
const MOST = 0.6;

class Burn extends Node {
  process(durationMs) {
    const before = process.cpuUsage();
    for (let spent = 0; spent < durationMs * 1e3;) {
      const { user, system } = process.cpuUsage(before);
      spent = user + system;
    }
    return durationMs;
  }
}

/** Time per item in ms, from the first output to the last. */
async function inTypeScript(replicas) {
  const items = Array.from({ length: ITEMS }, () => ITEM_MS);
  const times = [];
  for await (const durationMs of Pipeline.from(new Burn({ executor: 'process', replicas })).stream(items))
    if (durationMs === ITEM_MS) times.push(performance.now());
  if (times.length !== ITEMS) throw new Error(`${times.length} of ${ITEMS} items came out.`);
  return (times.at(-1) - times[0]) / (ITEMS - 1);
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
