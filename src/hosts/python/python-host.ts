import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HostDiedError, InvalidArgumentError, RemoteMediaError, type HostExit } from '../../errors/index.js';
import { defaultLogger, type Logger } from '../../logging/index.js';
import { ControlConnection, freshAddress, listener } from '../../protocol/index.js';
import type { Host, OpenSegment, SegmentRequest } from '../host.js';
import { describeExit, HostProcess, type HostOutput } from './child-process.js';
import { passOnOutput } from './output.js';
import { findPython, howToInstall, type Interpreter } from './interpreter.js';
import { PythonNode, type PythonTraits } from './python-node.js';
import { describeSegment, PythonSegment, type DoneEvent } from './python-segment.js';

const ENTRY = fileURLToPath(new URL('../../../python/src/remotemedia/host/entry.py', import.meta.url));
/** Exit codes of the host's entry; see `schema/wire.md`. */
const EXIT_TOO_OLD = 64;
const EXIT_MODULE_MISSING = 65;
const START_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5000;
/** A little less than the session waits, so that the host can still say which node it is. */
const CANCEL_TIMEOUT_MS = 4800;

/** Options of {@link startPythonHost}. */
export interface PythonHostOptions {
  /** Name in plans, logs and errors. @defaultValue `python`, `python-2`, … */
  readonly name?: string | undefined;
  /** Interpreter: a path, or a command on the PATH. @defaultValue found, see the guide on Python nodes */
  readonly python?: string | undefined;
  /** Working directory. @defaultValue that of this program */
  readonly cwd?: string | undefined;
  /** Folders in which modules are looked for, before those of Python itself. @defaultValue the working directory */
  readonly path?: readonly string[] | undefined;
  /** Environment variables beside those of this program. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Gets each line that code in the host prints. @defaultValue passes it on to stdout or stderr with the node's name */
  readonly onOutput?: ((output: HostOutput) => void) | undefined;
  /**
   * Where the host logs to; what its nodes print goes to `onOutput`.
   * @defaultValue lines on stderr where `REMOTEMEDIA_LOG` names a level, else nothing
   */
  readonly logger?: Logger | undefined;
}

/** What a Python object is made from: a class in a module, in a file or in inline source. */
export interface PythonObjectSpec {
  /** Name of a module that the host can import. */
  readonly module?: string | undefined;
  /** Path of a Python file, from the host's working directory. */
  readonly file?: string | undefined;
  /** Python source text. */
  readonly source?: string | undefined;
  /** Name of the class, or of anything else that can be called to make the object. @defaultValue the only node class there */
  readonly class?: string | undefined;
  /** Positional arguments. */
  readonly args?: readonly unknown[] | undefined;
  /** Keyword arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Name of the node; ids are made from it. */
  readonly name?: string | undefined;
}

/** What Python's levels are called here. */
const LOG_METHODS: Readonly<Record<string, keyof Logger>> = {
  info: 'info',
  warning: 'warn',
  error: 'error',
  critical: 'error',
};

interface ReadyEvent {
  readonly address: string;
  readonly pid: number;
  readonly pythonVersion: string;
}

interface CreatedObject {
  readonly object: number;
  readonly className: string;
  readonly module: string;
  readonly name?: string;
  readonly traits: PythonTraits;
}

let hostCount = 0;
const names = new Set(['in-process']);
let segmentCount = 0;

/** A Python process that holds live objects and runs segments of them. It never keeps this program alive, and ends with it. */
export class PythonHost implements Host, AsyncDisposable {
  readonly name: string;
  /** The Python that it runs, and how that was found. */
  readonly interpreter: Interpreter;
  readonly #process: HostProcess;
  readonly #logger: Logger;
  readonly #segments = new Map<string, PythonSegment>();
  readonly #forgotten: FinalizationRegistry<number>;
  readonly #death: Promise<Error>;
  #control: ControlConnection | undefined;
  #ready: ReadyEvent | undefined;
  readonly #onOutput: (output: HostOutput) => void;
  /** What was printed before the host was ready; the error of a failed start has it. */
  readonly #early: HostOutput[] = [];
  #isClosing = false;
  #isDead = false;

  /** Starts a host; see {@link startPythonHost}. */
  static async start(options: PythonHostOptions = {}): Promise<PythonHost> {
    const cwd = options.cwd ?? process.cwd();
    if (!existsSync(cwd)) {
      throw new InvalidArgumentError(
        'RM_INVALID_ARGUMENT',
        `A Python host cannot start in ${cwd}: there is no such folder.`,
      );
    }
    const interpreter = findPython({ python: options.python, cwd });
    // What may fail without a process, before there is one.
    const address = await listener.address();
    const host = new PythonHost(options, interpreter);
    await host.#handshake(options, address);
    return host;
  }

  private constructor(options: PythonHostOptions, interpreter: Interpreter) {
    hostCount++;
    this.name = uniqueName(options.name ?? 'python');
    this.#logger = options.logger ?? defaultLogger();
    this.interpreter = interpreter;
    this.#onOutput = options.onOutput ?? passOnOutput;
    this.#logger.debug(`host "${this.name}": ${this.interpreter.path} (${this.interpreter.why})`);
    this.#process = new HostProcess(
      this.name,
      {
        path: this.interpreter.path,
        args: [ENTRY],
        cwd: options.cwd ?? process.cwd(),
        env: { ...process.env, ...options.env },
      },
      (output) => {
        if (this.#ready === undefined) this.#early.push(output);
        else this.#onOutput(output);
      },
    );
    this.#death = this.#process.ended.then((exit) => this.#diedError(exit));
    const forgetName = (): boolean => names.delete(this.name);
    this.#death.then(forgetName, forgetName);
    this.#forgotten = new FinalizationRegistry((objectId) => {
      if (!this.#isClosing) this.#request('release', { objects: [objectId] }).catch(() => undefined);
    });
  }

  /** Process id of the host. */
  get pid(): number | undefined {
    return this.#ready?.pid;
  }

  /** Resolves when the process has ended, with the error that runs see. */
  get death(): Promise<Error> {
    return this.#death;
  }

  /** Whether the process has ended, or is about to. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Version of Python, such as `3.12.1`. */
  get pythonVersion(): string {
    return this.#ready?.pythonVersion ?? '';
  }

  async #handshake(options: PythonHostOptions, address: string): Promise<void> {
    const token = randomBytes(32).toString('hex');
    let forget = (): void => undefined;
    const ready = new Promise<ReadyEvent>((resolve) => {
      forget = listener.expect(token, (connection) => {
        this.#control = new ControlConnection(
          connection,
          this.name,
          (name, params) => {
            if (name === 'ready') resolve(params as ReadyEvent);
            else this.#onEvent(name, params);
          },
          () => {
            this.#onControlClosed();
          },
        );
        return this.#control;
      });
    });
    const cwd = options.cwd ?? process.cwd();
    this.#process.tell({
      address,
      token,
      listen: freshAddress(`${String(process.pid)}-${String(hostCount)}-${token.slice(0, 8)}`),
      ownerPid: process.pid,
      name: this.name,
      path: options.path ?? [cwd],
      cwd,
      debug: process.env['REMOTEMEDIA_LOG'] === 'debug',
    });
    this.#ready = await this.#orFailure(ready).finally(forget);
    this.#early.splice(0).forEach(this.#onOutput);
    this.#process.keepAlive(false);
  }

  async #orFailure(ready: Promise<ReadyEvent>): Promise<ReadyEvent> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#process.kill();
        reject(
          new RemoteMediaError(
            'RM_HOST_START',
            `Host "${this.name}" did not start within ${String(START_TIMEOUT_MS / 1000)} s.`,
            { host: this.name },
          ),
        );
      }, START_TIMEOUT_MS);
    });
    const failure = this.#process.ended.then((exit): never => {
      throw this.#startError(exit);
    });
    failure.catch(() => undefined);
    try {
      return await Promise.race([ready, failure, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  #startError(exit: HostExit): RemoteMediaError {
    const words = exit.stderr.join('\n');
    const { path, why } = this.interpreter;
    if (exit.exitCode === EXIT_TOO_OLD) {
      return new RemoteMediaError(
        'RM_PYTHON_NOT_FOUND',
        `${path} (${why}) is too old: ${words} ${howToInstall()}`,
        { host: this.name },
      );
    }
    if (exit.exitCode === EXIT_MODULE_MISSING) {
      return new RemoteMediaError(
        'RM_PYTHON_NOT_FOUND',
        `${path} (${why}) lacks a module that the host needs: ${words}`,
        {
          host: this.name,
        },
      );
    }
    return new RemoteMediaError(
      'RM_HOST_START',
      `Host "${this.name}" (${path}, ${why}) ended with ${describeExit(exit)} before it was ready.${words === '' ? '' : ` It said:\n${words}`}`,
      { host: this.name },
    );
  }

  #diedError(exit: HostExit): Error {
    if (this.#isClosing) return closedError(this.name);
    const words = exit.stderr.length === 0 ? '' : ` Its last lines on stderr:\n${exit.stderr.join('\n')}`;
    return new HostDiedError(
      `Host "${this.name}" (process ${String(this.#process.pid)}) ended with ${describeExit(exit)}.${words}`,
      exit,
      { host: this.name },
    );
  }

  /**
   * Makes a live Python object.
   *
   * @throws PythonError where the constructor raises; `RM_MODULE` where module, file or class cannot be loaded
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Python tells nothing of what it takes and gives.
  async create<In = any, Out = any>(spec: PythonObjectSpec | string): Promise<PythonNode<In, Out>> {
    const { name, ...params } = typeof spec === 'string' ? fromPath(spec) : spec;
    checkSpec(params);
    const created = (await this.#request('create', { args: [], kwargs: {}, ...params })) as CreatedObject;
    const { object: objectId, className, module, traits } = created;
    const node = new PythonNode<In, Out>(
      {
        host: this,
        objectId,
        className,
        module,
        traits,
        request: (method, rest) => this.#request(method, { object: objectId, ...rest }),
        release: async () => {
          this.#forgotten.unregister(node);
          if (!this.#isDead && !this.#isClosing) await this.#request('release', { objects: [objectId] });
        },
      },
      name ?? created.name,
    );
    this.#forgotten.register(node, objectId, node);
    return node;
  }

  /** Describes the classes of a module or file. */
  async discover(spec: { readonly module?: string; readonly file?: string }): Promise<unknown> {
    return this.#request('discover', spec);
  }

  /** @internal */
  listen(): Promise<string> {
    return Promise.resolve(this.#ready?.address ?? '');
  }

  /** @internal */
  async open(request: SegmentRequest): Promise<OpenSegment> {
    const id = `${request.segment.id}-${String(++segmentCount)}`;
    const segment = new PythonSegment(id, this.#segmentHost(), request.run);
    this.#segments.set(id, segment);
    const { run } = request;
    const cancel = (): void => {
      segment.cancel();
    };
    run.signal.addEventListener('abort', cancel, { once: true });
    try {
      run.initializing = request.segment.nodes[0];
      const description = await describeSegment(id, request, CANCEL_TIMEOUT_MS);
      // From here on a cancel finds the segment in the host.
      run.signal.throwIfAborted();
      await this.#request('open', description);
      run.initializing = undefined;
      return segment;
    } catch (error) {
      segment.abandon();
      this.#segments.delete(id);
      throw error;
    } finally {
      run.signal.removeEventListener('abort', cancel);
    }
  }

  #segmentHost(): ConstructorParameters<typeof PythonSegment>[1] {
    return {
      name: this.name,
      request: (method, params) => this.#request(method, params),
      death: this.#death,
      hold: () => this.#control?.hold() ?? (() => undefined),
    };
  }

  /** Ends the host and everything in it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#process.keepAlive(true);
    this.#control?.close();
    const timer = setTimeout(() => {
      this.#process.kill();
    }, CLOSE_TIMEOUT_MS);
    await this.#process.ended;
    clearTimeout(timer);
  }

  /** Closes the host at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #request(method: string, params: object): Promise<unknown> {
    if (this.#control === undefined) throw new Error('a host was used before it was ready');
    try {
      return await this.#control.request(method, params);
    } catch (error) {
      if (!(error instanceof RemoteMediaError && error.code === 'RM_CLOSED') || this.#isClosing) throw error;
      throw await this.#death;
    }
  }

  #onEvent(name: string, params: unknown): void {
    if (name === 'done') {
      const event = params as DoneEvent;
      this.#segments.get(event.segment)?.end(event);
      this.#segments.delete(event.segment);
    } else if (name === 'initializing') {
      const { segment, nodeId } = params as { segment: string; nodeId: string };
      this.#segments.get(segment)?.initializes(nodeId);
    } else if (name === 'log') {
      const { level, logger, message } = params as { level: string; logger: string; message: string };
      const write = LOG_METHODS[level.toLowerCase()] ?? 'debug';
      this.#logger[write](`[${this.name}] ${logger}: ${message}`);
    }
  }

  /** A host without a control connection is of no use any more; mostly it is dead already. */
  #onControlClosed(): void {
    this.#isDead = true;
    if (this.#isClosing) return;
    setTimeout(() => {
      this.#process.kill();
    }, CLOSE_TIMEOUT_MS).unref();
    this.#process.keepAlive(this.#segments.size > 0);
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

/** `my_nodes.Sentiment` and `./nodes.py#Sentiment`. */
function fromPath(text: string): PythonObjectSpec {
  const file = /^(.+\.py)#([\w.]+)$/.exec(text);
  if (file !== null) return { file: file[1], class: file[2] };
  const dot = text.lastIndexOf('.');
  return dot < 0 ? { module: text } : { module: text.slice(0, dot), class: text.slice(dot + 1) };
}

function checkSpec({ module, file, source }: PythonObjectSpec): void {
  if ([module, file, source].filter((given) => given !== undefined).length === 1) return;
  throw new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    'A Python object is made from exactly one of module, file and source.',
  );
}
