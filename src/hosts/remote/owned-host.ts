import { randomBytes } from 'node:crypto';
import { HostDiedError, RemoteMediaError, type HostExit } from '../../errors/index.js';
import { defaultLogger, type Logger } from '../../logging/index.js';
import { ControlConnection, freshAddress, listener } from '../../protocol/index.js';
import { passOnOutput, type HostOutput, type ReadLine } from './output.js';
import { RemoteHost } from './remote-host.js';
import { describeEnd, type Vehicle, type VehicleEnd } from './vehicle.js';

const START_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5000;
/** How long what a host has told may take to arrive once it has ended, in milliseconds. */
const LAST_WORDS_MS = 200;
/** Enough for what Python's fault handler writes behind the last words. */
const STDERR_LINES_KEPT = 40;

/** What every host that we start is given. */
export interface OwnedHostOptions {
  /** Name in plans, logs and errors; made unique. */
  readonly name: string;
  /** @defaultValue passes lines on to stdout or stderr with the node's name */
  readonly onOutput?: ((output: HostOutput) => void) | undefined;
  /** @defaultValue lines on stderr where `REMOTEMEDIA_LOG` names a level, else nothing */
  readonly logger?: Logger | undefined;
  /** Whether the host sends its log records. @defaultValue whether `REMOTEMEDIA_LOG` is `debug` */
  readonly isDebug?: boolean | undefined;
}

/** What a host says when it is ready. */
export interface HostReady {
  /** Where it listens. */
  readonly address: string;
  readonly pid: number;
}

let hostCount = 0;
const names = new Set(['in-process', 'driver']);

/** A host that this program has started. It never keeps the program alive, and ends with it. */
export abstract class OwnedHost extends RemoteHost implements AsyncDisposable {
  readonly #vehicle: Vehicle;
  #onOutput: (output: HostOutput) => void;
  readonly #isDebug: boolean;
  readonly #death: Promise<Error>;
  #ready: HostReady | undefined;
  /** What was printed before the host was ready; the error of a failed start has it. */
  readonly #early: HostOutput[] = [];
  /** What it wrote as it ended, behind all that it had told. */
  readonly #last: { readonly number: number; readonly output: HostOutput }[] = [];
  #toldLines = 0;
  readonly #stderr: string[] = [];
  #controlEnd: Promise<void> | undefined;
  #isDead = false;
  #killReason: string | undefined;

  constructor(
    options: OwnedHostOptions,
    launch: (name: string, onLine: (line: ReadLine) => void) => Vehicle,
  ) {
    super(uniqueName(options.name), options.logger ?? defaultLogger());
    hostCount++;
    this.#onOutput = options.onOutput ?? passOnOutput;
    this.#isDebug = options.isDebug ?? process.env['REMOTEMEDIA_LOG'] === 'debug';
    this.#vehicle = launch(this.name, ({ number, ...output }) => {
      if (number === undefined) this.#take(output);
      else this.#last.push({ number, output });
    });
    this.#death = this.#vehicle.ended.then(async (end) => {
      await this.#tellLast();
      return this.#diedError(end);
    });
    const note = (): void => {
      this.#isDead = true;
      names.delete(this.name);
    };
    // Before anybody else who waits for it hears of it.
    this.#death.then(note, note);
  }

  /** Process id of the host. */
  get pid(): number | undefined {
    return this.#ready?.pid;
  }

  /** Resolves when the process has ended, with the error that runs see. */
  override get death(): Promise<Error> {
    return this.#death;
  }

  /** Whether the process has ended, or is about to. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** @internal */
  override listen(): Promise<string> {
    return Promise.resolve(this.#ready?.address ?? '');
  }

  /** The error of a host that ended before it was ready. */
  protected abstract startError(exit: HostExit, how: string): RemoteMediaError;

  /**
   * Waits until the host has started and connected.
   *
   * @param address - that of this program's listener
   * @param message - what it is told beside how to connect
   * @returns what it says of itself
   */
  protected async handshake(address: string, message: object): Promise<HostReady> {
    const token = randomBytes(32).toString('hex');
    let forget = (): void => undefined;
    let controlClosed = (): void => undefined;
    const controlEnd = new Promise<void>((resolve) => (controlClosed = resolve));
    const ready = new Promise<HostReady>((resolve) => {
      forget = listener.expect(token, (connection) => {
        this.control = new ControlConnection(connection, this.name, {
          onEvent: (name, params) => {
            if (name === 'ready') resolve(params as HostReady);
            else this.onEvent(name, params);
          },
          onClosed: () => {
            controlClosed();
            this.#onControlClosed();
          },
        });
        this.#controlEnd = controlEnd;
        return this.control;
      });
    });
    this.#vehicle.tell({
      address,
      token,
      listen: freshAddress(`${String(process.pid)}-${String(hostCount)}-${token.slice(0, 8)}`),
      ownerPid: process.pid,
      name: this.name,
      debug: this.#isDebug,
      ...message,
    });
    this.#ready = await this.#orFailure(ready).finally(forget);
    this.#early.splice(0).forEach(this.#onOutput);
    this.#vehicle.keepAlive(false);
    return this.#ready;
  }

  async #orFailure(ready: Promise<HostReady>): Promise<HostReady> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#vehicle.kill();
        reject(
          new RemoteMediaError(
            'RM_HOST_START',
            `Host "${this.name}" did not start within ${String(START_TIMEOUT_MS / 1000)} s.`,
            { host: this.name },
          ),
        );
      }, START_TIMEOUT_MS);
    });
    const failure = this.#vehicle.ended.then((end): never => {
      throw this.startError({ ...end, stderr: this.#stderr }, describeEnd(end));
    });
    failure.catch(() => undefined);
    try {
      return await Promise.race([ready, failure, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * It serves somebody else from now on, in whose plans and errors it has another name.
   *
   * @param onOutput - as in {@link OwnedHostOptions}
   */
  protected adopt(name: string, onOutput: (output: HostOutput) => void): void {
    names.delete(this.name);
    this.name = uniqueName(name);
    this.#onOutput = onOutput;
    this.#stderr.length = 0;
  }

  #diedError(end: VehicleEnd): Error {
    if (this.isClosing) return closedError(this.name);
    if (this.#killReason !== undefined) {
      return new HostDiedError(
        `Host "${this.name}" (${this.#vehicle.description}) was ended: ${this.#killReason}.`,
        { ...end, stderr: this.#stderr },
        { host: this.name },
      );
    }
    const words = this.#stderr.length === 0 ? '' : ` Its last lines on stderr:\n${this.#stderr.join('\n')}`;
    return new HostDiedError(
      `Host "${this.name}" (${this.#vehicle.description}) ended with ${describeEnd(end)}.${words}`,
      { ...end, stderr: this.#stderr },
      { host: this.name },
    );
  }

  #take(output: HostOutput): void {
    if (output.stream === 'stderr') {
      this.#stderr.push(output.text);
      if (this.#stderr.length > STDERR_LINES_KEPT) this.#stderr.shift();
    }
    if (this.#ready === undefined) this.#early.push(output);
    else this.#onOutput({ ...output, host: this.name });
  }

  /** What it had told may still be on its way when it has ended. */
  async #tellLast(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => (timer = setTimeout(resolve, LAST_WORDS_MS)));
    await Promise.race([this.#controlEnd, grace]);
    clearTimeout(timer);
    // One of them may have come.
    for (const { number, output } of this.#last.splice(0)) if (number >= this.#toldLines) this.#take(output);
  }

  protected override onEvent(name: string, params: unknown): void {
    if (name !== 'output') {
      super.onEvent(name, params);
      return;
    }
    const { nodeId, stream, line } = params as Pick<HostOutput, 'stream'> & {
      readonly nodeId?: string;
      readonly line: string;
    };
    this.#toldLines++;
    this.#take({ host: this.name, nodeId, stream, text: line });
  }

  /** Ends the host and everything in it. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.#vehicle.keepAlive(true);
    this.control?.close();
    const timer = setTimeout(() => {
      this.#vehicle.kill();
    }, CLOSE_TIMEOUT_MS);
    await this.#vehicle.ended;
    clearTimeout(timer);
  }

  /** Lets the host end: nobody waits for that, nor does it keep this program alive. */
  dismiss(): void {
    this.isClosing = true;
    this.#isDead = true;
    this.control?.close();
    setTimeout(() => {
      this.#vehicle.kill();
    }, CLOSE_TIMEOUT_MS).unref();
  }

  /**
   * Ends the host at once, whatever its code does.
   *
   * @param reason - why, for other runs that use it; without it nobody else does
   */
  async kill(reason?: string): Promise<void> {
    this.#killReason = reason;
    this.isClosing = reason === undefined;
    this.#isDead = true;
    this.#vehicle.keepAlive(true);
    this.#vehicle.kill();
    await this.#vehicle.ended;
  }

  /** Closes the host at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A host without a control connection is of no use any more; mostly it is dead already. */
  #onControlClosed(): void {
    this.#isDead = true;
    if (this.isClosing) return;
    setTimeout(() => {
      this.#vehicle.kill();
    }, CLOSE_TIMEOUT_MS).unref();
    this.#vehicle.keepAlive(this.hasSegments);
  }
}

/** Plans and errors tell hosts apart by their names. */
function uniqueName(wanted: string): string {
  let name = wanted;
  for (let count = 2; names.has(name); count++) name = `${wanted}-${String(count)}`;
  names.add(name);
  return name;
}

function closedError(host: string): RemoteMediaError {
  return new RemoteMediaError('RM_CLOSED', `Host "${host}" was closed. Start another one.`, { host });
}
