import { existsSync } from 'node:fs';
import { canMap, FOLDER_VARIABLE, LIMIT_VARIABLE, slabFolder, whyUnusable } from '../slabs/index.js';
import type { Finding } from './finding.js';

/** Which folder serves for shared memory, how much is free there, and what is installed to use it without copies. */
export function sharedMemoryFindings(): readonly Finding[] {
  if (!existsSync('/proc/self/fd')) {
    const what = 'shared memory: there is none on this platform; bulk data goes through sockets';
    return [{ state: 'ok', what }];
  }
  return [folder(), addOn()];
}

function folder(): Finding {
  let found;
  try {
    found = slabFolder();
  } catch (error) {
    return { state: 'missing', what: 'shared memory', advice: (error as Error).message };
  }
  const { path, freeBytes, limitBytes } = found;
  if (limitBytes === 0 && process.env[LIMIT_VARIABLE] === '0')
    return { state: 'ok', what: `shared memory: turned off by ${LIMIT_VARIABLE}` };
  const problem = whyUnusable(path);
  if (problem === undefined) {
    const room = `${mebibytes(freeBytes)} free, at most ${mebibytes(limitBytes)} for each process`;
    return { state: 'ok', what: `shared memory: ${path} (${room})` };
  }
  const isChosen = process.env[FOLDER_VARIABLE] === path;
  return {
    state: isChosen ? 'missing' : 'optional',
    what: `shared memory: no file without a name can be made in ${path}: ${problem.message}`,
    advice: `Let ${FOLDER_VARIABLE} name a folder in memory (tmpfs) that this user may write to; ${isChosen ? 'runs fail' : 'bulk data goes through sockets'} without.`,
  };
}

function addOn(): Finding {
  if (canMap())
    return { state: 'ok', what: 'koffi, for TypeScript nodes that use shared memory without copies' };
  return {
    state: 'optional',
    what: 'koffi, which TypeScript nodes need to use shared memory without copies',
    advice: 'Run in your project: npm install koffi',
  };
}

function mebibytes(byteLength: number): string {
  return `${Math.floor(byteLength / 2 ** 20)} MiB`;
}
