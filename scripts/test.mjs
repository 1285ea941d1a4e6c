// Runs both languages' tests, the second also where the first failed, and ends with their totals.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeTool, runLogged } from './commands.mjs';
import { setupNodeVersions } from './setup-node-versions.mjs';
import { ROOT } from './setup-python.mjs';
import { formatTotals, readTotals } from './test-totals.mjs';

const results = join(ROOT, '.cache', 'test-results');
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

const hasNodeVersions = await setupNodeVersions();
if (!hasNodeVersions) process.stderr.write('Other versions of Node.js could not be installed.\n');
await runSuite('vitest', nodeTool('vitest/vitest.mjs', 'run'));
await runSuite('pytest', [process.execPath, 'scripts/pytest.mjs']);
const totals = readTotals(results);
process.stdout.write(`\n${formatTotals(totals)}\n`);
process.exitCode = totals.failed > 0 || !hasNodeVersions ? 1 : 0;

async function runSuite(name, command) {
  const code = await runLogged(command, join(results, `${name}.log`));
  writeFileSync(join(results, `${name}.code`), String(code));
}
