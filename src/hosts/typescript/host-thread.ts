import { createInterface } from 'node:readline';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { describeCause } from '../../errors/index.js';
import { readLine, type ReadLine, type Vehicle, type VehicleEnd } from '../remote/index.js';

/** A worker thread that never keeps this program alive by itself, and whose end is told whole. */
export class HostThread implements Vehicle {
  readonly #worker: Worker;
  readonly #host: string;
  readonly #onLine: (line: ReadLine) => void;
  readonly description = 'a worker thread';
  readonly ended: Promise<VehicleEnd>;

  constructor(
    host: string,
    entry: URL,
    onLine: (line: ReadLine) => void,
    resourceLimits: Readonly<ResourceLimits> = {},
  ) {
    this.#host = host;
    this.#onLine = onLine;
    this.#worker = new Worker(entry, { stdout: true, stderr: true, name: host, resourceLimits });
    // What a process would print before it ends.
    this.#worker.on('error', (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? describeCause(error)) : describeCause(error);
      for (const line of text.split('\n')) this.#emit('stderr', line);
    });
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (exitCode) => {
        void Promise.all([this.#passOn('stdout'), this.#passOn('stderr')]).then(() => {
          resolve({ exitCode, signal: null });
        });
      });
    });
  }

  tell(message: object): void {
    this.#worker.postMessage(message);
  }

  keepAlive(isWanted: boolean): void {
    this.#worker[isWanted ? 'ref' : 'unref']();
  }

  kill(): void {
    void this.#worker.terminate();
  }

  /**
   * What was printed before the thread told its lines as events. It is read at the end: whoever reads these streams of a running thread keeps
   * the program alive, also where the thread itself does not.
   */
  async #passOn(name: 'stdout' | 'stderr'): Promise<void> {
    for await (const line of createInterface({ input: this.#worker[name] })) this.#emit(name, line);
  }

  #emit(stream: 'stdout' | 'stderr', text: string): void {
    this.#onLine(readLine(this.#host, stream, text));
  }
}
