import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  candidateCommands,
  compareVersions,
  findInterpreter,
  isUpToDate,
  parseProbe,
  SetupError,
  setupPython,
  venvPython,
} from '../../scripts/setup-python.mjs';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'setup-python.mjs');
const COMPLETE = { version: [3, 12, 4], venv: true, ensurepip: true };
const TIMES_MADE = 'times-made';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'setup-python-'));
  mkdirSync(join(root, 'python'));
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'python', 'pyproject.toml'), '[project]\n');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A shell script that answers the probe with `facts` and makes a .venv whose pip ends with `pipExit`. */
function fakePython(facts: object, { pipExit = 0, name = 'fake-python' } = {}): string {
  const file = join(root, 'bin', name);
  writeScript(
    file,
    `if [ "$1" = -c ]; then echo '${JSON.stringify(facts)}'; exit 0; fi
     mkdir -p "$3/bin" && echo "version = 3.12.4" > "$3/pyvenv.cfg" && echo x >> "${join(root, TIMES_MADE)}"
     printf '#!/bin/sh\\necho "pip was here"\\nexit ${pipExit}\\n' > "$3/bin/python" && chmod +x "$3/bin/python"`,
  );
  return file;
}

function writeScript(file: string, body: string): void {
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

function timesMade(): number {
  return existsSync(join(root, TIMES_MADE))
    ? readFileSync(join(root, TIMES_MADE), 'utf8').trim().split('\n').length
    : 0;
}

describe('which interpreter is taken', () => {
  it('is REMOTEMEDIA_PYTHON alone where that is set', () => {
    expect(candidateCommands({ REMOTEMEDIA_PYTHON: '/opt/python' }, 'linux')).toEqual([['/opt/python']]);
  });

  it('is python3, then python, and on Windows the launcher last', () => {
    expect(candidateCommands({}, 'linux')).toEqual([['python3'], ['python']]);
    expect(candidateCommands({}, 'win32')).toEqual([['python3'], ['python'], ['py', '-3']]);
  });

  it('is the first that is new enough, not the first that starts', () => {
    fakePython({ ...COMPLETE, version: [3, 9, 2] }, { name: 'python3' });
    fakePython(COMPLETE, { name: 'python' });
    const env = { PATH: [join(root, 'bin'), '/usr/bin', '/bin'].join(delimiter) };
    expect(findInterpreter(env, 'linux')).toEqual({ command: ['python'], ...COMPLETE });
  });

  it('orders versions by number, not by text', () => {
    expect(compareVersions([3, 9], [3, 11])).toBeLessThan(0);
    expect(compareVersions([3, 11, 7], [3, 11])).toBe(0);
    expect(compareVersions([4, 0], [3, 11])).toBeGreaterThan(0);
  });

  it('is nothing that answers the probe with something else', () => {
    expect(parseProbe('Python was not found; run without arguments to install\n')).toBeUndefined();
    expect(parseProbe('{}')).toBeUndefined();
    expect(parseProbe(JSON.stringify(COMPLETE))).toEqual(COMPLETE);
  });

  it('is in Scripts on Windows and in bin elsewhere', () => {
    expect(venvPython('root', 'win32')).toMatch(/Scripts.python\.exe$/);
    expect(venvPython('root', 'linux')).toMatch(/bin.python$/);
  });
});

describe('the one line that says what to install', () => {
  const cure = '(Debian/Ubuntu: apt install python3 python3-venv) or set REMOTEMEDIA_PYTHON to its path.';

  it('names the version that is needed where there is no interpreter', () => {
    expect(() => findInterpreter({ PATH: root }, 'linux')).toThrow(
      new SetupError(`RemoteMedia needs Python 3.11 or newer, and found none. Install it ${cure}`),
    );
  });

  it('names REMOTEMEDIA_PYTHON where that does not start', () => {
    expect(() => findInterpreter({ REMOTEMEDIA_PYTHON: '/no/such' }, 'linux')).toThrow(
      new SetupError(
        `RemoteMedia needs Python 3.11 or newer, but REMOTEMEDIA_PYTHON is "/no/such", which does not start one. Install it ${cure}`,
      ),
    );
  });

  it('names the version that was found where it is too old', () => {
    const python = fakePython({ ...COMPLETE, version: [3, 10, 12] });
    expect(() => findInterpreter({ REMOTEMEDIA_PYTHON: python }, 'linux')).toThrow(
      new SetupError(`RemoteMedia needs Python 3.11 or newer, but ${python} is 3.10.12. Install it ${cure}`),
    );
  });

  it.each([
    ['darwin', 'brew install python'],
    ['win32', 'winget install Python.Python.3.13, or python.org'],
  ] as const)('names the installer of %s', (platform, installer) => {
    expect(() => findInterpreter({ PATH: root, REMOTEMEDIA_PYTHON: '/no/such' }, platform)).toThrow(
      `Install it (${installer}) or`,
    );
  });

  it.each(['venv', 'ensurepip'])('names python3-venv where %s is missing', (part) => {
    const python = fakePython({ ...COMPLETE, [part]: false });
    expect(() => findInterpreter({ REMOTEMEDIA_PYTHON: python }, 'linux')).toThrow(
      new SetupError(
        `${python} comes without the venv and ensurepip modules, which .venv needs. Install it (Debian/Ubuntu: apt install python3-venv).`,
      ),
    );
  });

  it.runIf(process.platform === 'linux')('names python3-pip where .venv comes out without pip', async () => {
    const python = fakePython(COMPLETE, { pipExit: 1 });
    await expect(setupPython(root, { REMOTEMEDIA_PYTHON: python })).rejects.toThrow(
      new SetupError(
        `${python} comes without pip, which .venv needs. Install it (Debian/Ubuntu: apt install python3-pip).`,
      ),
    );
  });

  it('is all that the program prints, and it exits with 1', () => {
    const result = spawnSync(process.execPath, [copyOfScript()], {
      env: { REMOTEMEDIA_PYTHON: '/no/such' },
      encoding: 'utf8',
    });
    expect(result.status).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/^setup: RemoteMedia needs Python 3\.11 or newer, but [^\n]+\n$/);
  });
});

describe('making .venv', () => {
  it('is done once, until pyproject.toml changes', async () => {
    const env = { REMOTEMEDIA_PYTHON: fakePython(COMPLETE) };
    await setupPython(root, env);
    await setupPython(root, env);
    expect(timesMade()).toBe(1);
    expect(isUpToDate(root, env)).toBe(true);

    writeFileSync(join(root, 'python', 'pyproject.toml'), '[project]\nname = "x"\n');
    expect(isUpToDate(root, env)).toBe(false);
    await setupPython(root, env);
    expect(isUpToDate(root, env)).toBe(true);
  });

  it('is done again where the interpreter has changed', async () => {
    const env = { REMOTEMEDIA_PYTHON: fakePython(COMPLETE) };
    await setupPython(root, env);
    writeScript(venvPython(root), 'echo "another build of Python"');
    expect(isUpToDate(root, env)).toBe(false);
    await setupPython(root, env);
    expect(timesMade()).toBe(2);
  });

  it('is done again where another interpreter is asked for, and not where none is', async () => {
    await setupPython(root, { REMOTEMEDIA_PYTHON: fakePython(COMPLETE) });
    const other = fakePython(COMPLETE, { name: 'other-python' });
    expect(isUpToDate(root, {})).toBe(true);
    expect(isUpToDate(root, { REMOTEMEDIA_PYTHON: other })).toBe(false);
    await setupPython(root, { REMOTEMEDIA_PYTHON: other });
    expect(timesMade()).toBe(2);
  });

  it('is done again after it was interrupted', async () => {
    const env = { REMOTEMEDIA_PYTHON: fakePython(COMPLETE) };
    await setupPython(root, env);
    rmSync(join(root, '.venv', 'setup-stamp.json'));
    await setupPython(root, env);
    expect(timesMade()).toBe(2);
    expect(isUpToDate(root, env)).toBe(true);
  });

  it('shows what pip printed where the installation fails, and is not taken for done', async () => {
    const python = join(root, 'failing-install');
    writeScript(
      python,
      `if [ "$1" = -c ]; then echo '${JSON.stringify(COMPLETE)}'; exit 0; fi
       mkdir -p "$3/bin" && echo "version = 3.12.4" > "$3/pyvenv.cfg"
       printf '#!/bin/sh\\n[ "$3" = --version ] && exit 0\\necho "no such wheel"; exit 3\\n' > "$3/bin/python"
       chmod +x "$3/bin/python"`,
    );
    const env = { REMOTEMEDIA_PYTHON: python };
    await expect(setupPython(root, env)).rejects.toThrow(/ended with 3\nno such wheel/);
    expect(isUpToDate(root, env)).toBe(false);
  });

  it('happens once where several ask for it together', async () => {
    const script = copyOfScript();
    const env = { PATH: process.env['PATH'], REMOTEMEDIA_PYTHON: fakePython(COMPLETE) };
    const codes = await Promise.all(Array.from({ length: 6 }, () => exitCodeOf(script, env)));
    expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
    expect(timesMade()).toBe(1);
    expect(existsSync(join(root, '.cache', 'setup-python.lock'))).toBe(false);
  });

  it('goes on where the owner of the lock has died', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    mkdirSync(join(root, '.cache'));
    writeFileSync(join(root, '.cache', 'setup-python.lock'), String(dead));
    const script = copyOfScript();
    const env = { PATH: process.env['PATH'], REMOTEMEDIA_PYTHON: fakePython(COMPLETE) };
    const codes = await Promise.all(Array.from({ length: 6 }, () => exitCodeOf(script, env)));
    expect(codes).toEqual([0, 0, 0, 0, 0, 0]);
    expect(timesMade()).toBe(1);
  });
});

/** The script as part of a project of its own: it works on the folder above itself. */
function copyOfScript(): string {
  const copy = join(root, 'scripts', 'setup-python.mjs');
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(copy, readFileSync(SCRIPT));
  return copy;
}

function exitCodeOf(script: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, [script], { env, stdio: 'ignore' });
    child.once('error', reject);
    child.once('close', settle);
  });
}
