import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { RemoteMediaError } from '../../errors/index.js';
import { readLine, type ReadLine } from './output.js';
import type { Vehicle, VehicleEnd } from './vehicle.js';

/** How long the last lines of stderr may take to arrive after the process has ended, in milliseconds. */
const STDERR_GRACE_MS = 200;

/** A process that never keeps this program alive by itself, and whose end is told whole. */
export class HostProcess implements Vehicle {
  readonly #child: ChildProcess;
  readonly #host: string;
  readonly #onLine: (line: ReadLine) => void;
  /** Resolves when the process has ended and its last words are there; rejects where it could not be started. */
  readonly ended: Promise<VehicleEnd>;

  constructor(
    host: string,
    command: {
      readonly path: string;
      readonly args: readonly string[];
      readonly cwd: string;
      readonly env: NodeJS.ProcessEnv;
    },
    onLine: (line: ReadLine) => void,
  ) {
    this.#host = host;
    this.#onLine = onLine;
    this.#child = spawn(command.path, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: 'pipe',
      windowsHide: true,
    });
    const stdio = [this.#passOn('stdout'), this.#passOn('stderr')];
    this.ended = this.#end(stdio);
    this.ended.catch(() => undefined);
    this.keepAlive(true);
  }

  get description(): string {
    return `process ${String(this.#child.pid)}`;
  }

  /** Writes the one message that a host gets on its standard input. */
  tell(message: object): void {
    const { stdin } = this.#child;
    // A process that ends at once closes its standard input; its exit says why.
    stdin?.on('error', () => undefined);
    stdin?.end(`${JSON.stringify(message)}\n`);
  }

  /** Whether the process and its output keep this program alive. */
  keepAlive(isWanted: boolean): void {
    const method = isWanted ? 'ref' : 'unref';
    this.#child[method]();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      (stream as Socket | null)?.[method]();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #end(stdio: readonly Promise<void>[]): Promise<VehicleEnd> {
    const end = await new Promise<VehicleEnd>((resolve, reject) => {
      this.#child.once('exit', (exitCode, signal) => {
        resolve({ exitCode, signal });
      });
      this.#child.once('error', (error) => {
        reject(
          new RemoteMediaError(
            'RM_HOST_START',
            `Host "${this.#host}" could not be started: ${error.message}.`,
            { cause: error, host: this.#host },
          ),
        );
      });
    });
    // A grandchild may hold the pipes open for ever.
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => (timer = setTimeout(resolve, STDERR_GRACE_MS)));
    await Promise.race([Promise.all(stdio), grace]);
    clearTimeout(timer);
    return end;
  }

  async #passOn(name: 'stdout' | 'stderr'): Promise<void> {
    const stream = this.#child[name] as Readable;
    const decoder = new StringDecoder('utf8');
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#emit(name, line);
    });
    await new Promise((resolve) => stream.once('close', resolve));
    if (rest !== '') this.#emit(name, rest);
  }

  #emit(stream: 'stdout' | 'stderr', line: string): void {
    this.#onLine(readLine(this.#host, stream, line));
  }
}
