// Builds the Python package, with the compiled engine in it, into python/dist: a wheel and an sdist.
// Run it as `npm run wheel`, which compiles first. python/hatch_build.py says what goes in.
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './commands.mjs';
import { ROOT, venvPython } from './setup-python.mjs';

const python = join(ROOT, 'python');
const target = join(python, 'dist');

rmSync(target, { recursive: true, force: true });
process.exitCode = await runCommand([venvPython(), '-m', 'hatchling', 'build', '-d', target], {
  cwd: python,
});
if (process.exitCode === 0) {
  for (const name of readdirSync(target)) {
    const megabytes = (statSync(join(target, name)).size / 1e6).toFixed(1);
    process.stdout.write(`python/dist/${name}: ${megabytes} MB\n`);
  }
}
