import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { RemoteMediaError } from '../../errors/index.js';

/** A Python interpreter, and why it is the one. */
export interface Interpreter {
  /** The executable; an absolute path, unless the program or `REMOTEMEDIA_PYTHON` named a relative one. */
  readonly path: string;
  /** How it was found, in words for error messages: `the active virtual environment`, `python3 on the PATH`. */
  readonly why: string;
}

/** What is looked at to find an interpreter. */
export interface InterpreterSearch {
  /** The one that the program names. */
  readonly python?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly platform?: NodeJS.Platform;
}

/**
 * Finds a Python interpreter: the one that an option names, that `REMOTEMEDIA_PYTHON` names, of the active virtual environment, of a
 * `.venv` or `venv` in the working directory or above, then `python3` on the path.
 *
 * @throws RemoteMediaError `RM_PYTHON_NOT_FOUND`
 */
export function findPython(search: InterpreterSearch = {}): Interpreter {
  const { python, env = process.env, cwd = process.cwd(), platform = process.platform } = search;
  const isWindows = platform === 'win32';
  if (python !== undefined) return named(python, 'named by the option "python"', env, isWindows);
  const fromEnv = env['REMOTEMEDIA_PYTHON'];
  if (fromEnv !== undefined && fromEnv !== '')
    return named(fromEnv, 'named by REMOTEMEDIA_PYTHON', env, isWindows);
  const environments = [
    { folder: env['VIRTUAL_ENV'], why: 'the active virtual environment' },
    { folder: env['CONDA_PREFIX'], why: 'the active Conda environment' },
    ...foldersAbove(cwd).flatMap((folder) =>
      ['.venv', 'venv'].map((name) => ({
        folder: join(folder, name),
        why: `the virtual environment ${name} in ${folder}`,
      })),
    ),
  ];
  for (const { folder, why } of environments) {
    if (folder === undefined || folder === '') continue;
    const path = isWindows ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
    if (existsSync(path)) return { path, why };
  }
  for (const command of isWindows ? ['python.exe', 'py.exe'] : ['python3', 'python']) {
    const path = onPath(command, env);
    if (path !== undefined) return { path, why: `${command} on the PATH` };
  }
  throw new RemoteMediaError('RM_PYTHON_NOT_FOUND', `No Python was found. ${howToInstall(platform)}`);
}

/** What to install where Python is missing. */
export function howToInstall(platform: NodeJS.Platform = process.platform): string {
  const packages: Partial<Record<NodeJS.Platform, string>> = {
    linux: 'the packages python3 and python3-venv',
    darwin: 'the Homebrew package python',
    win32: 'Python.Python.3.13 with winget',
  };
  return `Install Python 3.11 or newer (${packages[platform] ?? 'from python.org'}), or name one in REMOTEMEDIA_PYTHON.`;
}

function named(python: string, why: string, env: NodeJS.ProcessEnv, isWindows: boolean): Interpreter {
  const isPath = python.includes('/') || (isWindows && python.includes('\\'));
  const path = isPath ? python : onPath(python, env);
  if (path !== undefined && existsSync(path)) return { path, why };
  throw new RemoteMediaError(
    'RM_PYTHON_NOT_FOUND',
    `There is no Python at "${python}", which was ${why}. Correct it, or leave it out to have one found.`,
  );
}

function onPath(command: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path));
}

function foldersAbove(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...foldersAbove(parent)];
}
