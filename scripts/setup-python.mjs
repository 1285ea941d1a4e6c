// Makes the project's own .venv with the Python package in it, where it is missing or stale.
// Run it as `npm run setup`; a run with nothing to do reads four files and starts no process.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const OLDEST_PYTHON = [3, 11];

const REQUIREMENT = './python[dev,voice]';
const LOCK_TIMEOUT_MS = 15 * 60_000;

/** Old interpreters read this too, so it keeps to what Python 2 understands. */
const PROBE = `
import json, sys
def has(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False
print(json.dumps({"version": list(sys.version_info[:3]), "venv": has("venv"), "ensurepip": has("ensurepip")}))
`;

/** What stops the setup, worded for the person who runs it: no stack is printed. */
export class SetupError extends Error {}

/** Brings the .venv of the project in `root` up to date; `report` gets a line where there is something to do. */
export async function setupPython(root = ROOT, env = process.env, report = () => {}) {
  if (isUpToDate(root, env)) return;
  const unlock = await lock(root);
  try {
    // Another setup may have finished while this one waited.
    if (!isUpToDate(root, env)) await build(root, env, report);
  } finally {
    unlock();
  }
}

async function build(root, env, report) {
  const interpreter = findInterpreter(env);
  // Without its stamp, a setup that is interrupted from here on is done again from the start.
  const kept = readStamp(root);
  rmSync(stampFile(root), { force: true });
  const isUsable = kept !== undefined && isDeepEqual(kept.venv, fingerprintVenv(root)) && !isOther(kept, env);
  report(`${isUsable ? 'updating' : 'making'} .venv (Python ${interpreter.version.join('.')})`);
  if (!isUsable) await makeVenv(root, interpreter);
  await installPackage(root);
  writeStamp(root, interpreter.command);
}

async function makeVenv(root, interpreter) {
  const folder = join(root, '.venv');
  rmSync(folder, { recursive: true, force: true });
  await run([...interpreter.command, '-m', 'venv', folder], root, 'could not make .venv');
  const pip = spawnSync(venvPython(root), ['-m', 'pip', '--version'], { stdio: 'ignore' });
  if (pip.status !== 0) throw new SetupError(missingPackageMessage('pip', interpreter.command));
}

async function installPackage(root) {
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-warn-script-location'];
  const command = [venvPython(root), '-m', 'pip', 'install', ...quiet, '--editable', REQUIREMENT];
  await run(command, root, 'could not install the Python package into .venv');
}

/** Path of the interpreter of the .venv in `root`. */
export function venvPython(root = ROOT, platform = process.platform) {
  return platform === 'win32'
    ? join(root, '.venv', 'Scripts', 'python.exe')
    : join(root, '.venv', 'bin', 'python');
}

/** The commands that may start an interpreter, in the order in which they are tried. */
export function candidateCommands(env, platform = process.platform) {
  const chosen = env['REMOTEMEDIA_PYTHON'];
  if (chosen) return [[chosen]];
  return [['python3'], ['python'], ...(platform === 'win32' ? [['py', '-3']] : [])];
}

/** The first interpreter that is new enough and complete; throws the one line that says what to install. */
export function findInterpreter(env, platform = process.platform) {
  const found = candidateCommands(env, platform).flatMap((command) => {
    const facts = probe(command, env);
    return facts === undefined ? [] : [{ command, ...facts }];
  });
  const isNewEnough = ({ version }) => compareVersions(version, OLDEST_PYTHON) >= 0;
  const interpreter = found.find(isNewEnough);
  if (interpreter === undefined) throw new SetupError(noInterpreterMessage(found, env, platform));
  if (!interpreter.venv || !interpreter.ensurepip) {
    throw new SetupError(missingPackageMessage('venv', interpreter.command, platform));
  }
  return interpreter;
}

function probe([program, ...args], env) {
  const result = spawnSync(program, [...args, '-c', PROBE], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return result.status === 0 ? parseProbe(result.stdout) : undefined;
}

/** What the probe printed, or `undefined` where something else than an interpreter answered. */
export function parseProbe(output) {
  try {
    const facts = JSON.parse(output);
    return Array.isArray(facts.version) ? facts : undefined;
  } catch {
    return undefined;
  }
}

/** Below zero where `left` is older, above where it is newer, as far as both have parts. */
export function compareVersions(left, right) {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) return left[i] - right[i];
  }
  return 0;
}

function noInterpreterMessage(found, env, platform) {
  const chosen = env['REMOTEMEDIA_PYTHON'];
  const needed = `RemoteMedia needs Python ${OLDEST_PYTHON.join('.')} or newer`;
  const cure = `Install it (${installHint(platform)}) or set REMOTEMEDIA_PYTHON to its path.`;
  const [first] = found;
  if (first !== undefined)
    return `${needed}, but ${nameOf(first.command)} is ${first.version.join('.')}. ${cure}`;
  if (chosen) return `${needed}, but REMOTEMEDIA_PYTHON is "${chosen}", which does not start one. ${cure}`;
  return `${needed}, and found none. ${cure}`;
}

function missingPackageMessage(what, command, platform = process.platform) {
  const [missing, debianPackage] =
    what === 'pip' ? ['pip', 'python3-pip'] : ['the venv and ensurepip modules', 'python3-venv'];
  const cure = platform === 'linux' ? `Debian/Ubuntu: apt install ${debianPackage}` : installHint(platform);
  return `${nameOf(command)} comes without ${missing}, which .venv needs. Install it (${cure}).`;
}

function installHint(platform) {
  if (platform === 'darwin') return 'brew install python';
  if (platform === 'win32') return 'winget install Python.Python.3.13, or python.org';
  return 'Debian/Ubuntu: apt install python3 python3-venv';
}

function nameOf(command) {
  return command.join(' ');
}

/** Whether a finished setup fits the project as it is now. */
export function isUpToDate(root, env) {
  const stamp = readStamp(root);
  if (stamp === undefined || isOther(stamp, env)) return false;
  return stamp.pyproject === hashPyproject(root) && isDeepEqual(stamp.venv, fingerprintVenv(root));
}

/** Whether the user asks for another interpreter than the one that the stamp names. */
function isOther(stamp, env) {
  const chosen = env['REMOTEMEDIA_PYTHON'];
  return Boolean(chosen) && chosen !== stamp.command[0];
}

function stampFile(root) {
  return join(root, '.venv', 'setup-stamp.json');
}

function readStamp(root) {
  try {
    return JSON.parse(readFileSync(stampFile(root), 'utf8'));
  } catch {
    return undefined;
  }
}

function writeStamp(root, command) {
  const stamp = { pyproject: hashPyproject(root), venv: fingerprintVenv(root), command };
  writeFileSync(stampFile(root), JSON.stringify(stamp));
}

function hashPyproject(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'python', 'pyproject.toml')))
    .digest('hex');
}

/**
 * What tells that the interpreter is still the one that .venv was made with, without starting it; `undefined`
 * where it is gone. The path counts because a .venv that was moved no longer works.
 */
function fingerprintVenv(root) {
  try {
    const interpreter = realpathSync(venvPython(root));
    const { size, mtimeMs } = statSync(interpreter);
    const settings = readFileSync(join(root, '.venv', 'pyvenv.cfg'), 'utf8');
    const version = /^version\s*=\s*(.+?)\s*$/m.exec(settings)?.[1] ?? '';
    return { path: resolve(root), interpreter, size, mtimeMs, version };
  } catch {
    return undefined;
  }
}

function isDeepEqual(left, right) {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Lets one setup run at a time, and takes over from one that died. Gives the function that unlocks. */
async function lock(root) {
  const folder = join(root, '.cache');
  const file = join(folder, 'setup-python.lock');
  const own = `${file}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(own, String(process.pid));
  try {
    const giveUpAt = Date.now() + LOCK_TIMEOUT_MS;
    while (!tryLink(own, file)) {
      if (Date.now() > giveUpAt)
        throw new SetupError(`Another setup holds ${file}. Delete it if none is running.`);
      if (!removeIfOwnerDied(file, own)) await sleep(100);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(file, { force: true });
}

/** A link appears with its content, so nobody reads a lock file without its owner's id. */
function tryLink(own, file) {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function removeIfOwnerDied(file, own) {
  if (!hasDeadOwner(file)) return false;
  // One at a time looks again and removes: else the second removes the lock that the first has just taken.
  const removing = `${file}.removing`;
  if (!tryLink(own, removing)) return false;
  try {
    if (hasDeadOwner(file)) rmSync(file, { force: true });
  } finally {
    rmSync(removing, { force: true });
  }
  return true;
}

function hasDeadOwner(file) {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Runs a command quietly; its output is part of the error where it fails. */
async function run([program, ...args], cwd, failure) {
  // pip warns of root, which is what containers run as; the .venv is the project's own either way.
  const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const ending = await new Promise((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => settle(signal ?? code));
  });
  if (ending !== 0)
    throw new SetupError(`${failure}: ${nameOf([program, ...args])} ended with ${ending}\n${output}`);
}

function print(line) {
  process.stderr.write(`setup: ${line}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await setupPython(ROOT, process.env, print);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    print(error.message.trimEnd());
    process.exitCode = 1;
  }
}
