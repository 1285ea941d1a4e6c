import { closeSync, constants, openSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { InvalidArgumentError } from '../errors/index.js';

/** Names the folder in which slabs lie. */
export const FOLDER_VARIABLE = 'REMOTEMEDIA_SHM_DIR';
/** Says how many bytes the slabs of a process may take; with 0 bulk bytes go through sockets. */
export const LIMIT_VARIABLE = 'REMOTEMEDIA_SHM_LIMIT';

const SHARED_MEMORY = '/dev/shm';
/** Below this the temporary folder serves: containers have 64 MiB of shared memory, if nobody asks for more. */
const LEAST_FREE_BYTES = 128 * 2 ** 20;
const MOST_BYTES = 2 ** 30;
/** `__O_TMPFILE` of Linux; Node.js has no name for it. */
const UNNAMED = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR | constants.O_EXCL;

/** The folder for slabs, and how much they may take. */
export interface SlabFolder {
  readonly path: string;
  /** Most bytes that the slabs of one process may take. */
  readonly limitBytes: number;
  /** Bytes that are free there; 0 where there is no such folder. */
  readonly freeBytes: number;
}

/**
 * The folder that serves: the one that the environment names, or shared memory, or the temporary one.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the environment gives a limit that is no number of bytes
 */
export function slabFolder(environment: NodeJS.ProcessEnv = process.env): SlabFolder {
  const named = environment[FOLDER_VARIABLE];
  const isRoomy = freeBytesIn(SHARED_MEMORY) >= LEAST_FREE_BYTES;
  const path = named === undefined || named === '' ? (isRoomy ? SHARED_MEMORY : tmpdir()) : named;
  const freeBytes = freeBytesIn(path);
  const limit = environment[LIMIT_VARIABLE];
  if (limit === undefined || limit === '')
    return { path, freeBytes, limitBytes: Math.min(MOST_BYTES, Math.floor(freeBytes / 2)) };
  if (/^\d+$/.test(limit)) return { path, freeBytes, limitBytes: Number(limit) };
  throw new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `${LIMIT_VARIABLE} must be a number of bytes, got ${JSON.stringify(limit)}.`,
  );
}

/** Bytes that are free in a folder; 0 where there is no such folder. */
export function freeBytesIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/**
 * Opens a new file that has no name and cannot be given one.
 *
 * @throws the error of the system where the folder is missing or full, or its file system has no such files
 */
export function openUnnamed(folder: string): number {
  return openSync(folder, UNNAMED, 0o600);
}

/** Why no slab can be made in a folder; `undefined` where one can. */
export function whyUnusable(folder: string): Error | undefined {
  try {
    closeSync(openUnnamed(folder));
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Whether an error says that a folder is full. */
export function isFullError(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'ENOMEM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Whether an error says that no further file can be opened. */
export function isTooManyFiles(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');
}
