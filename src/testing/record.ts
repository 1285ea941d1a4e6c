import { closeSync, openSync, writeSync } from 'node:fs';
import { describeCause } from '../errors/index.js';
import type { LiveSession, WriteOptions } from '../runtime/index.js';
import { encodeEvent, encodeHeader, type RecordedEvent } from './recording.js';

/**
 * Records a live session: what is written, interrupted and ended from now on, and what is read, with the times. The file is complete when
 * `session.done` has settled, and readable at any time before. {@link replay} does the same to another pipeline.
 *
 * Bytes, tensors and media are in the file as they are. An output that no other process could be given is not: the file says what it was.
 *
 * @param session - an open session
 * @param path - path of the file, in a folder that exists; what it held is lost
 * @returns the session itself, whose `write` from now on also throws `RM_VALUE_NOT_TRANSFERABLE` for what no other process could be given
 * @throws Error of the file system, such as `ENOENT`
 * @example
 * ```ts
 * const session = record(await pipeline.open(), 'call.rec');
 * ```
 */
export function record<In, Out>(session: LiveSession<In, Out>, path: string): LiveSession<In, Out> {
  const file = new RecordingFile(path);
  const write = session.write.bind(session);
  const tryWrite = session.tryWrite.bind(session);
  const interrupt = session.interrupt.bind(session);
  const end = session.end.bind(session);
  const cancel = session.cancel.bind(session);
  const next = session.next.bind(session);
  const written = (item: In, options?: WriteOptions): Buffer =>
    // What is not set, the wire leaves out.
    encodeEvent({ atMs: file.elapsedMs(), write: item, ...options });
  session.write = (item, options) => {
    // Before it is given away: a node may empty it.
    const event = written(item, options);
    const room = write(item, options);
    file.append(event);
    return room;
  };
  session.tryWrite = (item, options) => {
    const event = written(item, options);
    const isTaken = tryWrite(item, options);
    if (isTaken) file.append(event);
    return isTaken;
  };
  session.interrupt = () => {
    interrupt();
    file.add({ atMs: file.elapsedMs(), interrupt: true });
  };
  session.end = () => {
    end();
    file.add({ atMs: file.elapsedMs(), end: true });
  };
  session.cancel = (...reason) => {
    file.add({ atMs: file.elapsedMs(), cancel: true });
    return cancel(...reason);
  };
  session.next = async () => {
    const step = await next();
    if (step.done !== true) file.addOutput(step.value);
    return step;
  };
  session.done.then(
    () => {
      file.close();
    },
    (error: unknown) => {
      file.close(describeCause(error));
    },
  );
  return session;
}

/** Each event is in the file, as far as this program is concerned, when it has happened: nothing is lost with the program. */
class RecordingFile {
  readonly #startedAt: number = performance.now();
  #descriptor: number | undefined;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
    this.append(encodeHeader());
  }

  elapsedMs(): number {
    return Math.round((performance.now() - this.#startedAt) * 1e3) / 1e3;
  }

  add(event: RecordedEvent): void {
    this.append(encodeEvent(event));
  }

  addOutput(output: unknown): void {
    const atMs = this.elapsedMs();
    let event: Buffer;
    try {
      event = encodeEvent({ atMs, output });
    } catch (error) {
      event = encodeEvent({ atMs, unkept: describeCause(error) });
    }
    this.append(event);
  }

  append(bytes: Buffer): void {
    // What comes after the end has not happened to the session.
    if (this.#descriptor === undefined) return;
    for (let written = 0; written < bytes.byteLength;) written += writeSync(this.#descriptor, bytes, written);
  }

  close(failure?: string): void {
    this.add({ atMs: this.elapsedMs(), over: true, ...(failure !== undefined && { failure }) });
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
