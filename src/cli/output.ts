import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { extname } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describeCause } from '../errors/index.js';
import { toJsonLine } from '../nodes/index.js';
import { UsageError } from './exit-code.js';

/** Whoever reads standard output has stopped, as `head` does: no failure, only the end. */
export class ReaderLeftError extends Error {}

/** Writes outputs, one line each, to a file or to standard output. */
export class OutputWriter {
  readonly #stream: Writable;
  readonly #name: string;
  readonly #toLine: (item: unknown) => string;
  #failure: Error | undefined;
  /** Called once when writing has become impossible, also between two outputs. */
  onFailure: ((failure: Error) => void) | undefined;

  private constructor(stream: Writable, name: string, isText: boolean) {
    this.#stream = stream;
    this.#name = name;
    this.#toLine = isText ? toTextLine : (item) => toJsonLine('remotemedia run', item);
    stream.on('error', (cause: NodeJS.ErrnoException) => {
      const isReaderGone = cause.code === 'EPIPE' && stream === process.stdout;
      this.#failure = isReaderGone
        ? new ReaderLeftError('The reader of standard output has ended.')
        : new Error(`Cannot write to ${this.#name}: ${describeCause(cause)}`, { cause });
      this.onFailure?.(this.#failure);
    });
  }

  /**
   * Opens a file, or standard output where there is none.
   *
   * @throws UsageError where the file cannot be opened, or its extension says no format.
   */
  static async open(path: string | undefined): Promise<OutputWriter> {
    if (path === undefined) return new OutputWriter(process.stdout, 'standard output', false);
    const isText = isTextFile(path);
    const stream = createWriteStream(path);
    try {
      await once(stream, 'open');
    } catch (cause) {
      throw new UsageError(`--output ${path} cannot be opened: ${describeCause(cause)}`, { cause });
    }
    return new OutputWriter(stream, path, isText);
  }

  /** Writes one output. Gives a promise where the stream is full: wait for it before the next. */
  write(item: unknown): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#stream.write(`${this.#toLine(item)}\n`) ? undefined : this.#drained();
  }

  /** Waits until everything is written; closes a file. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stream === process.stdout) {
      await new Promise<void>((resolve) => {
        this.#stream.write('', () => {
          resolve();
        });
      });
    } else {
      this.#stream.end();
      await finished(this.#stream).catch(() => undefined);
    }
    // Set by the event, where something went wrong meanwhile.
    const failure = this.#failure as Error | undefined;
    if (failure !== undefined) throw failure;
  }

  async #drained(): Promise<void> {
    await once(this.#stream, 'drain').catch(() => undefined);
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function isTextFile(path: string): boolean {
  const extension = extname(path).toLowerCase();
  if (extension === '.txt' || extension === '.text') return true;
  if (['.jsonl', '.ndjson', '.json'].includes(extension)) return false;
  throw new UsageError(`--output ${path}: outputs are written as .jsonl or as .txt.`);
}

/** Texts as they are, on one line; anything else as JSON. */
function toTextLine(item: unknown): string {
  const text =
    typeof item === 'object' && item !== null && 'text' in item && 'kind' in item ? item.text : item;
  return typeof text === 'string'
    ? text.replaceAll(/\r\n|[\r\n]/g, ' ')
    : toJsonLine('remotemedia run', item);
}
