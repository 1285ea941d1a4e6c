import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { findPython, howToInstall, type Interpreter } from '../hosts/index.js';

/** The oldest Python that hosts run on. */
const OLDEST_PYTHON = [3, 11] as const;

/** What is known of the interpreter that Python nodes would run in. */
export interface PythonReport {
  readonly path: string;
  /** How it was found. */
  readonly source: string;
  readonly version: string;
  /** Versions of the modules that hosts use; `null` for one that is not there. */
  readonly modules: { readonly msgspec: string | null; readonly numpy: string | null };
}

/** Why there is no interpreter. */
export interface PythonProblem {
  readonly problem: string;
  readonly advice: string;
}

/** Finds the interpreter that Python nodes would run in, and asks it what it has. */
export async function inspectPython(): Promise<PythonReport | PythonProblem> {
  let interpreter: Interpreter;
  try {
    interpreter = findPython();
  } catch (error) {
    const advice = howToInstall();
    return { problem: (error as Error).message.replace(advice, '').trim(), advice };
  }
  const { path, why } = interpreter;
  const answer = await ask(path);
  if (typeof answer === 'string') return { problem: `${path} (${why}) ${answer}`, advice: howToInstall() };
  const version = answer.version.join('.');
  const [major = 0, minor = 0] = answer.version;
  if (major < OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor < OLDEST_PYTHON[1])) {
    return { problem: `${path} (${why}) is Python ${version}, too old`, advice: howToInstall() };
  }
  return { path, source: why, version, modules: answer.modules };
}

interface Answer {
  readonly version: readonly number[];
  readonly modules: PythonReport['modules'];
}

const PROBE = `
import json, sys
def version(name):
    try:
        return __import__(name).__version__
    except Exception:
        return None
print(json.dumps({"version": sys.version_info[:3],
    "modules": {"msgspec": version("msgspec"), "numpy": version("numpy")}}))
`;

/** What the interpreter says, or why it does not. */
async function ask(command: string): Promise<Answer | string> {
  const child = spawn(command, ['-c', PROBE], { stdio: ['ignore', 'pipe', 'pipe'] });
  const failure = new Promise<string>((resolve) =>
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? 'is not there' : `cannot be started: ${error.message}`);
    }),
  );
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const result = await Promise.race([output, failure]);
  if (typeof result === 'string') return result;
  try {
    return JSON.parse(result[0]) as Answer;
  } catch {
    return `gave no answer: ${result[1].trim().split('\n').at(-1) ?? ''}`;
  }
}
