// Our side between TypeScript and Python, as a program of its own: the add-on is either there for all of it or for nothing.
import { createRequire } from 'node:module';
import { answerRequests } from './answer.mjs';
import { Allocate, BorrowedFirst, First, Ordinary, startOurs } from './ours.mjs';

const MAKERS = { Allocate, Ordinary };
const TAKERS = { First, BorrowedFirst };
const ours = await startOurs();
const kept = new Map();

const CASES = {
  hasAddOn() {
    try {
      return typeof createRequire(import.meta.url)('koffi').load === 'function';
    } catch {
      return false;
    }
  },

  /** An array that a node of this program makes, to a Python host, and an int back: the median in µs. */
  there: ({ maker, items }) => run(maker, () => ours.typescriptToPython(new MAKERS[maker]()), items),

  /** An int to a Python host, and an array from there to a node of this program: the median in µs. */
  back: ({ maker, taker, items }) =>
    run(`${maker} ${taker}`, () => ours.pythonToTypescript(maker, new TAKERS[taker]()), items),
};

async function run(key, make, items) {
  if (!kept.has(key)) kept.set(key, await make());
  return kept.get(key)(items);
}

await answerRequests(CASES, () => ours.end());
