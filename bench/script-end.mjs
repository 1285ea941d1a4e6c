// A script that keeps a Python host ends by itself: how long after its last line.
import { spawn } from 'node:child_process';
import { interleave, report } from './measure.mjs';

const SCRIPT = `
import { startPythonHost } from 'remotemedia';
const python = await startPythonHost();
const node = await python.create({ source: 'class Echo:\\n    def process(self, item):\\n        return item\\n' });
await node.call('process', 1);
process.stdout.write('last line');
`;

const run = () =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
      cwd: import.meta.dirname,
    });
    let lastLine = NaN;
    child.stdout.once('data', () => (lastLine = performance.now()));
    child.once('exit', () => resolve(performance.now() - lastLine));
  });
const { ours } = await interleave({ ours: run }, 11, 1);
report({
  figure: 'a script with a kept Python host ends after its last line',
  ours,
  unit: 'ms',
  limit: '≤ 100 ms',
  isMet: ours <= 100,
});
