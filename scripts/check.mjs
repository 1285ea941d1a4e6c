// Everything that must hold besides the tests. All of it runs, also after a failure; names pick single checks:
// `npm run check -- eslint pyright`.
import { join } from 'node:path';
import { nodeTool, runCommand } from './commands.mjs';
import { ROOT, setupPython, venvPython } from './setup-python.mjs';

const python = join(ROOT, 'python');
// Else it asks the registry for a newer version on every run.
const pyrightEnv = { ...process.env, PYRIGHT_PYTHON_IGNORE_WARNINGS: '1' };

const CHECKS = [
  // Tests and examples import the package by its name, so what they are checked against is the build.
  ['build', ['npm', 'run', '--silent', 'build'], { shell: true }],
  ['prettier', nodeTool('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.')],
  ['eslint', nodeTool('eslint/bin/eslint.js', '--max-warnings=0', '.')],
  ['tsc', nodeTool('typescript/bin/tsc', '--noEmit')],
  ['typedoc', nodeTool('typedoc/bin/typedoc', '--logLevel', 'Warn')],
  ['publint', nodeTool('publint/src/cli.js', '--strict', '--pack', 'false')],
  ['npm pack', ['npm', 'pack', '--dry-run', '--ignore-scripts', '--loglevel=warn'], { shell: true }],
  ['ruff check', [venvPython(), '-m', 'ruff', 'check', '.'], { cwd: python }],
  ['ruff format', [venvPython(), '-m', 'ruff', 'format', '--check', '.'], { cwd: python }],
  ['pyright', [venvPython(), '-m', 'pyright', '--warnings'], { cwd: python, env: pyrightEnv }],
];

const wanted = process.argv.slice(2);
await setupPython();
const outcomes = [];
for (const [name, command, options] of CHECKS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n== ${name}\n`);
  const startedAt = performance.now();
  const isOk = (await runCommand(command, options)) === 0;
  outcomes.push({ name, isOk, seconds: (performance.now() - startedAt) / 1000 });
}

process.stdout.write('\n== summary\n');
for (const { name, isOk, seconds } of outcomes) {
  process.stdout.write(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)\n`);
}
process.exitCode = outcomes.length > 0 && outcomes.every(({ isOk }) => isOk) ? 0 : 1;
