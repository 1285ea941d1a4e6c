import { inspect } from 'node:util';
import { isRemoteMediaError, type ErrorCode } from '../errors/index.js';

/** What the command tells the shell. */
export const EXIT = {
  ok: 0,
  /** The run failed. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The manifest or the pipeline file is wrong. */
  invalidPipeline: 3,
  /** Something is not installed: Python, tsx. */
  missing: 4,
  /** Ctrl-C, as shells number it. */
  interrupted: 130,
  /** SIGTERM, as shells number it. */
  terminated: 143,
} as const;

/** The command line is wrong. */
export class UsageError extends Error {}

const EXIT_OF_CODE: Partial<Readonly<Record<ErrorCode, number>>> = {
  RM_INVALID_MANIFEST: EXIT.invalidPipeline,
  RM_UNKNOWN_NODE_TYPE: EXIT.invalidPipeline,
  RM_INVALID_GRAPH: EXIT.invalidPipeline,
  RM_EMPTY_PIPELINE: EXIT.invalidPipeline,
  RM_INVALID_PIPELINE: EXIT.invalidPipeline,
  RM_INVALID_NODE: EXIT.invalidPipeline,
  RM_EXECUTOR_UNAVAILABLE: EXIT.invalidPipeline,
  RM_MODULE: EXIT.invalidPipeline,
  RM_PYTHON_NOT_FOUND: EXIT.missing,
  RM_TSX_NOT_FOUND: EXIT.missing,
};

/** The exit code of a command that failed. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!isRemoteMediaError(error)) return EXIT.failed;
  // Misuse at the call: an input for a pipeline that takes none. Of an item it is no TypeError.
  if (error.code === 'RM_INVALID_INPUT' && error instanceof TypeError) return EXIT.usage;
  return EXIT_OF_CODE[error.code] ?? EXIT.failed;
}

/** An error as the user sees it: its message; with everything that is known of it where `isDebug`. */
export function describeFailure(error: unknown, isDebug: boolean): string {
  if (isDebug) return `remotemedia: ${inspect(error, { depth: 5 })}\n`;
  return `remotemedia: ${error instanceof Error && error.message !== '' ? error.message : String(error)}\n`;
}
