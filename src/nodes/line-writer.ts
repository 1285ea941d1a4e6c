import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describeCause, RemoteMediaError } from '../errors/index.js';

/** Where lines go. */
export interface LineTarget {
  /** Name of the node, for error messages. */
  readonly node: string;
  /** Path of the file; standard output without it. */
  readonly path: string | undefined;
  /** Whether what the file holds already stays. */
  readonly append: boolean;
}

/** Writes lines to a file or to standard output; a full disk or a closed pipe shows with the next call. */
export class LineWriter {
  readonly #target: LineTarget;
  readonly #stream: Writable;
  #failure: unknown;
  #isReported = false;
  readonly #onError = (error: unknown): void => {
    this.#failure ??= error;
  };

  private constructor(target: LineTarget, stream: Writable) {
    this.#target = target;
    this.#stream = stream;
    stream.on('error', this.#onError);
  }

  /** @throws RemoteMediaError `RM_MEDIA` that names the path where the file cannot be opened. */
  static async open(target: LineTarget): Promise<LineWriter> {
    if (target.path === undefined) return new LineWriter(target, process.stdout);
    const stream = createWriteStream(target.path, { flags: target.append ? 'a' : 'w' });
    const writer = new LineWriter(target, stream);
    try {
      await once(stream, 'open');
    } catch (error) {
      throw writer.#error(error);
    }
    return writer;
  }

  /**
   * Writes a line. Gives a promise where the stream is full: wait for it before the next line.
   *
   * @throws RemoteMediaError `RM_MEDIA` that names the path where it, or an earlier line, could not be written.
   */
  write(line: string): Promise<void> | undefined {
    this.#check();
    return this.#stream.write(`${line}\n`) ? undefined : this.#drained();
  }

  /** Waits until the system has all lines. */
  async flush(): Promise<void> {
    this.#check();
    // An empty write ends after those before it, and with their error; the 'error' event comes only later.
    await new Promise<void>((resolve) => {
      this.#stream.write('', (error) => {
        this.#failure ??= error ?? undefined;
        resolve();
      });
    });
    this.#check();
  }

  /** Completes and closes the file; standard output stays open. An error that a call raised already is not raised again. */
  async close(): Promise<void> {
    if (this.#failure === undefined) await this.#finish();
    if (this.#failure !== undefined && !this.#isReported) throw this.#error(this.#failure);
  }

  async #finish(): Promise<void> {
    try {
      if (this.#target.path !== undefined) {
        this.#stream.end();
        await finished(this.#stream);
        return;
      }
      await this.flush();
      // Not after a failure: its event is still to come, and would end the program.
      this.#stream.off('error', this.#onError);
    } catch (error) {
      this.#failure ??= error;
    }
  }

  async #drained(): Promise<void> {
    try {
      await once(this.#stream, 'drain');
    } catch (error) {
      this.#failure ??= error;
    }
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#error(this.#failure);
  }

  #error(cause: unknown): RemoteMediaError {
    this.#isReported = true;
    const { node, path } = this.#target;
    const where = path === undefined ? 'standard output' : JSON.stringify(path);
    return new RemoteMediaError(
      'RM_MEDIA',
      `${node}: cannot write to ${where}: ${describeCause(cause)}. ${adviceFor(cause)}`,
      { cause },
    );
  }
}

function adviceFor(cause: unknown): string {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'Make its folder first.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'Make room on the disk; what was written so far is incomplete.';
    case 'EPIPE':
      return 'The program that reads it has ended.';
    default:
      return 'Check that it is a file that this program may write.';
  }
}
