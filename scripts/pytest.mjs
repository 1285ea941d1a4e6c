// Runs the Python tests with the project's .venv: `node scripts/pytest.mjs [arguments of pytest]`.
// Paths are relative to python/, as in `tests/test_lifecycle.py -k initialized`.
import { join } from 'node:path';
import { runCommand } from './commands.mjs';
import { ROOT, venvPython } from './setup-python.mjs';

const report = join(ROOT, '.cache', 'test-results', 'pytest.xml');
const command = [venvPython(), '-m', 'pytest', `--junitxml=${report}`, ...process.argv.slice(2)];
process.exitCode = await runCommand(command, { cwd: join(ROOT, 'python') });
