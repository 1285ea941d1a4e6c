// Runs every example: each folder directly below examples/. What to run in it is its main.js, main.ts or main.py,
// or, where that does not fit, an example.json: { "run": [["file.js", "argument"], ["other.py"]] }, with paths
// relative to that folder. An example fails by a non-zero exit, and where there is an expected/file.txt for a file, by printing
// anything else ("…" stands there for what differs from run to run). Names pick single ones: `npm run examples -- voice`.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { isExpectedOutput } from './expected-output.mjs';
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
    if (runs.length > 1) process.stdout.write(`-- ${file}\n`);
    const { exitCode, printed } = await runFile([...interpreter, join(folder, file), ...args]);
    const expected = join(folder, 'expected', `${parse(file).name}.txt`);
    if (exitCode !== 0 || !isExpected(printed, expected)) return false;
  }
  return runs.length > 0;
}

/** Runs a command; what it prints is shown as it comes, and given back. */
async function runFile([program, ...args]) {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['inherit', 'pipe', 'inherit'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
    process.stdout.write(text);
  });
  return new Promise((settle) => {
    child.once('error', (error) => {
      process.stderr.write(`${program} could not be started: ${error.message}\n`);
      settle({ exitCode: 1, printed });
    });
    child.once('close', (code) => settle({ exitCode: code ?? 1, printed }));
  });
}

function isExpected(printed, file) {
  if (!existsSync(file)) return true;
  const expected = readFileSync(file, 'utf8');
  if (isExpectedOutput(printed, expected)) return true;
  process.stderr.write(`This is not what ${file} says:\n${expected}`);
  return false;
}

function runsOf(folder) {
  const config = join(folder, 'example.json');
  if (existsSync(config)) return JSON.parse(readFileSync(config, 'utf8')).run;
  return MAINS.filter((main) => existsSync(join(folder, main))).map((main) => [main]);
}
