// Runs both languages' tests, the second also where the first failed, and ends with their totals.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nodeTool, runCommand } from './commands.mjs';
import { setupNodeVersions } from './setup-node-versions.mjs';
import { ROOT } from './setup-python.mjs';
import { formatTotals, readTotals } from './test-totals.mjs';

const results = join(ROOT, '.cache', 'test-results');
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

const hasNodeVersions = await setupNodeVersions();
if (!hasNodeVersions) process.stderr.write('Other versions of Node.js could not be installed.\n');
const codes = [
  hasNodeVersions ? 0 : 1,
  await runCommand(nodeTool('vitest/vitest.mjs', 'run')),
  await runCommand([process.execPath, 'scripts/pytest.mjs']),
];
const totals = readTotals(results);
process.stdout.write(`\n${formatTotals(totals)}\n`);
process.exitCode = totals.failed > 0 || codes.some((code) => code !== 0) ? 1 : 0;
