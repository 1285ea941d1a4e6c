// Ten thousand small items through three Python nodes of one host, beside a plain Python loop over the same nodes.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { executePipelineWithInput, startPythonHost } from 'remotemedia';
import { interleave, median, report, timed } from './measure.mjs';

const ITEMS = 10_000;
const RUNS_PER_ROUND = 15;
const file = fileURLToPath(new URL('steps.py', import.meta.url));
const python = await startPythonHost();
const nodes = await Promise.all([1, 2, 3].map(() => python.create({ file, class: 'Step' })));
const items = Array.from({ length: ITEMS }, (_, index) => index);

/** The median of some runs in a row, as the plain loop gives it: both have the processor to themselves for a while. */
async function ours() {
  const durations = [];
  for (let run = 0; run < RUNS_PER_ROUND; run++)
    durations.push(await timed(() => executePipelineWithInput(nodes, items)));
  return (median(durations) * 1e3) / ITEMS;
}

const medians = await interleave(
  {
    ours,
    plain: () => Number(execFileSync(python.interpreter.path, [file, String(ITEMS)], { encoding: 'utf8' })),
  },
  11,
);
const over = medians.ours - medians.plain;
report({
  figure: '10,000 small items through 3 Python nodes, whole run, per item over a plain Python loop',
  ours: over,
  peer: medians.plain,
  peerName: 'the plain loop itself',
  unit: 'µs',
  limit: '≤ 2 µs over',
  isMet: over <= 2,
});
