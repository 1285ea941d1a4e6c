// Starting other programs, as the scripts beside this one do.
import { spawn } from 'node:child_process';
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
  return new Promise((settle) => {
    child.once('error', (error) => {
      process.stderr.write(`${program} could not be started: ${error.message}\n`);
      settle(1);
    });
    child.once('close', (code) => settle(code ?? 1));
  });
}

/** The command that runs a tool of node_modules, the same on every platform: `npx` without a shell between. */
export function nodeTool(script, ...args) {
  return [process.execPath, `node_modules/${script}`, ...args];
}
