import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { ControlConnection } from '../protocol/index.js';
import type { PrintedLine } from './printing.js';

/** How standard output and error begin a line that belongs behind all that were told; see `schema/wire.md`. */
const LAST = '\x1d';
const END_OF_ID = '\x1f';
const DESCRIPTORS = { stdout: 1, stderr: 2 } as const;
const RETRY_MS = 1;

/** Tells lines, and knows which of them have not left yet: where the process ends in the middle of them, its connection loses these. */
export class LineTeller {
  readonly #control: ControlConnection;
  readonly #waiting: { readonly line: PrintedLine; readonly number: number; readonly end: number }[] = [];
  #count = 0;

  constructor(control: ControlConnection) {
    this.#control = control;
  }

  /** Tells a line. */
  tell(line: PrintedLine): void {
    this.#control.emit('output', line);
    const number = this.#count++;
    this.#forgetSent();
    const { sentBytes, writtenBytes: end } = this.#control;
    if (sentBytes < end) this.#waiting.push({ line, number, end });
  }

  #forgetSent(): void {
    const { sentBytes } = this.#control;
    const left = this.#waiting.findIndex(({ end }) => end > sentBytes);
    this.#waiting.splice(0, left < 0 ? this.#waiting.length : left);
  }

  /**
   * Writes to standard output and error what would be lost, and returns once it has left. The first of these lines may have arrived after all:
   * the numbers tell.
   */
  writeRest(write: Readonly<Record<PrintedLine['stream'], (text: string) => unknown>>): void {
    this.#forgetSent();
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = this.#waiting.filter(({ line }) => line.stream === stream);
      if (lines.length === 0) continue;
      const text = lines
        .map(({ number, line }) => `${LAST}${String(number)},${line.nodeId ?? ''}${END_OF_ID}${line.line}\n`)
        .join('');
      // What a worker writes as it ends arrives with its end.
      if (isMainThread) writeWhole(DESCRIPTORS[stream], Buffer.from(text));
      else write[stream](text);
    }
    this.#waiting.length = 0;
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.byteLength;) {
    try {
      start += writeSync(descriptor, bytes, start);
    } catch (error) {
      // Nobody reads it any more.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
