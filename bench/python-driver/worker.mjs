// A program that runs cases on request, and stays warm between them.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pinned } from './peers.mjs';

/** Longer than any case takes; some runs of the published packages never end. */
const TIMEOUT_MS = 120_000;

/**
 * Starts worker.py, or another program that answers as it does.
 * @param interpreter - what `findOurs()` or `findPublished()` gives
 * @param isPinned - whether it keeps to one processor, as what it is compared with
 * @param folder - where its cases.py lies
 * @returns `{ask, end}`: `ask(name, arguments)` gives what that case of cases.py gives
 */
export function startWorker(
  { program, env, script = join(import.meta.dirname, 'worker.py') },
  { isPinned = true, isQuiet = false, folder = import.meta.dirname } = {},
) {
  const command = [program, script];
  const [executable, ...args] = isPinned ? pinned(command) : command;
  const child = spawn(executable, args, {
    cwd: folder,
    env,
    stdio: ['pipe', 'ignore', isQuiet ? 'ignore' : 'inherit', 'pipe'],
  });
  const ended = new Promise((resolve) =>
    child.once('close', (exitCode, signalCode) => resolve({ exitCode, signalCode })),
  );
  // A request to a worker that died fails by its answer, which does not come.
  child.stdin.on('error', () => undefined);
  const answers = createInterface({ input: child.stdio[3] })[Symbol.asyncIterator]();

  async function ask(name, args = {}) {
    child.stdin.write(`${JSON.stringify({ case: name, with: args })}\n`);
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    const { value: line } = await answers.next();
    clearTimeout(timer);
    if (line === undefined) {
      const { exitCode, signalCode } = await ended;
      throw new Error(`${name}: the worker ended with ${signalCode ?? exitCode}`);
    }
    const { value, error } = JSON.parse(line);
    if (error !== undefined) throw new Error(`${name}(${JSON.stringify(args)}): ${error}`);
    return value;
  }

  async function end() {
    child.stdin.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }

  return { ask, end };
}
