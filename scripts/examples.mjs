// Runs every example: each folder directly below examples/. What to run in it is its main.js, main.ts or main.py,
// or, where that does not fit, an example.json: { "run": [["file.js", "argument"], ["other.py"]] }, with paths
// relative to that folder. An example fails by a non-zero exit. Names pick single ones: `npm run examples -- voice`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './commands.mjs';
import { ROOT, venvPython } from './setup-python.mjs';

const EXAMPLES = join(ROOT, 'examples');
const MAINS = ['main.js', 'main.ts', 'main.py'];
const INTERPRETERS = {
  js: [process.execPath],
  mjs: [process.execPath],
  ts: [process.execPath, '--import', 'tsx'],
  py: [venvPython()],
};

const wanted = process.argv.slice(2);
const failed = [];
for (const name of wanted.length > 0 ? wanted : exampleNames()) {
  process.stdout.write(`\n== examples/${name}\n`);
  if (!(await runExample(join(EXAMPLES, name)))) failed.push(name);
}
process.stdout.write(
  failed.length > 0 ? `\nexamples FAILED: ${failed.join(', ')}\n` : '\nexamples: all ok\n',
);
process.exitCode = failed.length > 0 ? 1 : 0;

function exampleNames() {
  if (!existsSync(EXAMPLES)) return [];
  const entries = readdirSync(EXAMPLES, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function runExample(folder) {
  const runs = runsOf(folder);
  if (runs.length === 0) process.stderr.write(`Nothing to run: no ${MAINS.join(', ')} or example.json.\n`);
  for (const [file, ...args] of runs) {
    const interpreter = INTERPRETERS[file.split('.').at(-1)];
    if (interpreter === undefined) throw new Error(`${join(folder, file)}: no interpreter is known for it`);
    if ((await runCommand([...interpreter, join(folder, file), ...args])) !== 0) return false;
  }
  return runs.length > 0;
}

function runsOf(folder) {
  const config = join(folder, 'example.json');
  if (existsSync(config)) return JSON.parse(readFileSync(config, 'utf8')).run;
  return MAINS.filter((main) => existsSync(join(folder, main))).map((main) => [main]);
}
