// Starting other programs, as the scripts beside this one do.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { ROOT } from './setup-python.mjs';

/**
 * Runs a command with this terminal; gives its exit code, and 1 where a signal or a missing program ended it.
 * `shell` is for npm, which Windows starts through a .cmd file.
 */
export async function runCommand([program, ...args], { cwd = ROOT, env = process.env, shell = false } = {}) {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: 'inherit',
    shell: shell && process.platform === 'win32',
  });
  return codeOf(child, program);
}

/** The command that runs a tool of node_modules, the same on every platform: `npx` without a shell between. */
export function nodeTool(script, ...args) {
  return [process.execPath, `node_modules/${script}`, ...args];
}

/** `runCommand`, whose output also goes into the file `log`. */
export async function runLogged([program, ...args], log) {
  // Colours stay where a person reads: a pipe would end them.
  const env = process.stdout.isTTY ? { FORCE_COLOR: '1', ...process.env } : process.env;
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ['inherit', 'pipe', 'pipe'] });
  const file = createWriteStream(log);
  for (const name of ['stdout', 'stderr']) {
    child[name].on('data', (chunk) => {
      process[name].write(chunk);
      file.write(chunk);
    });
  }
  const code = await codeOf(child, program);
  file.end();
  await finished(file);
  return code;
}

function codeOf(child, program) {
  return new Promise((settle) => {
    child.once('error', (error) => {
      process.stderr.write(`${program} could not be started: ${error.message}\n`);
      settle(1);
    });
    child.once('close', (code, signal) => {
      if (signal !== null) process.stderr.write(`${program} was ended by ${signal}\n`);
      settle(code ?? 1);
    });
  });
}
