import { readFile } from 'node:fs/promises';
import { InvalidArgumentError, RemoteMediaError } from '../errors/index.js';
import { encodeFrame, FRAME, FrameReader, lower, type Frame } from '../wire/index.js';
import type { ScriptStep } from './script.js';
import type { TimedOutput } from './run-script.js';

/** What a file of recorded events begins with. */
const HEADER = { format: 'remotemedia-recording', version: 1 } as const;

/** An output that could not be kept, in the place of its value. */
interface UnkeptOutput {
  readonly atMs: number;
  readonly unkept: string;
}

/** How a session ended. */
interface Over {
  readonly atMs: number;
  readonly over: true;
  /** Of what failed. */
  readonly failure?: string | undefined;
}

/** What is told of a session, in the order in which it happened. */
export type RecordedEvent =
  ScriptStep | { readonly atMs: number; readonly output: unknown } | UnkeptOutput | Over;

/** A session that {@link record} has written to a file. */
export interface Recording {
  /** What was done to it, as a script. */
  readonly script: readonly ScriptStep[];
  /** What was read from it, with the times. */
  readonly outputs: readonly TimedOutput[];
  /** Class and message of what it failed with; `undefined` where it did not fail, or was not over yet. */
  readonly failure: string | undefined;
}

/** The beginning of a file. */
export function encodeHeader(): Buffer {
  return encodeFrame(FRAME.HELLO, HEADER);
}

/**
 * One event as bytes of the wire.
 *
 * @throws ValueTransferError `RM_VALUE_NOT_TRANSFERABLE` with the path of what bytes cannot hold
 */
export function encodeEvent(event: RecordedEvent): Buffer {
  return encodeFrame(FRAME.EVENT, lower(event));
}

/**
 * Reads what {@link record}, in either language, has written. Of a program that was killed it has all but the last moment.
 *
 * @param path - path of the file
 * @throws InvalidArgumentError `RM_INVALID_INPUT` where it is no such file
 */
export async function readRecording(path: string): Promise<Recording> {
  const [hello, ...events] = readFrames(await readFile(path), path);
  const { format, version } = (hello?.payload ?? {}) as Partial<Record<string, unknown>>;
  if (hello?.kind !== FRAME.HELLO || format !== HEADER.format) throw noRecording(path);
  if (version !== HEADER.version) {
    throw new InvalidArgumentError(
      'RM_INVALID_INPUT',
      `${path} is a recording of version ${String(version)}, and this package reads version 1. Use the package that wrote it.`,
    );
  }
  const script: ScriptStep[] = [];
  const outputs: TimedOutput[] = [];
  let failure: string | undefined;
  for (const { payload } of events) {
    const event = payload as RecordedEvent;
    if ('output' in event) outputs.push({ atMs: event.atMs, value: event.output });
    else if ('over' in event) failure = event.failure;
    else if (!('unkept' in event)) script.push(event);
  }
  return { script, outputs, failure };
}

function readFrames(bytes: Buffer, path: string): Frame[] {
  try {
    return [...new FrameReader().read(bytes)];
  } catch (error) {
    if (error instanceof RemoteMediaError && error.code === 'RM_PROTOCOL') throw noRecording(path, error);
    throw error;
  }
}

function noRecording(path: string, cause?: unknown): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_INPUT',
    `${path} is no recording of a session. Give a file that record() has written.`,
    { cause },
  );
}
