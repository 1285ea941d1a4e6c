import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, RemoteMediaError, type HostExit } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { listener } from '../../protocol/index.js';
import {
  HostProcess,
  OwnedHost,
  type HostOutput,
  type HostReady,
  type ObjectDescription,
} from '../remote/index.js';
import { findPython, howToInstall, type Interpreter } from './interpreter.js';
import { PythonNode } from './python-node.js';

const ENTRY = fileURLToPath(new URL('../../../python/src/remotemedia/host/entry.py', import.meta.url));

/**
 * glibc keeps memory that was freed for each of up to eight arenas per processor, and gives threads one by chance: a host with many threads
 * would hold on to what each of them once had. The interpreter's lock lets one thread allocate at a time anyway.
 */
const FEW_ARENAS = { MALLOC_ARENA_MAX: '2' };

/** Exit codes of the host's entry; see `schema/wire.md`. */
const EXIT_TOO_OLD = 64;
const EXIT_MODULE_MISSING = 65;

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

interface PythonReady extends HostReady {
  readonly pythonVersion: string;
}

interface CreatedObject extends ObjectDescription {
  readonly module: string;
}

/** How the interpreter of a host is started. */
export interface PythonLaunch {
  readonly interpreter: Interpreter;
  /** Arguments of the interpreter before the script. */
  readonly args: readonly string[];
  /** The script: `remotemedia/host/entry.py` of the package that the host is to use. */
  readonly entry: string;
  /** Folders in which modules are looked for, before those of Python itself. */
  readonly path: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether the host sends its log records. */
  readonly isDebug?: boolean;
}

/** A Python process that holds live objects and runs segments of them. It never keeps this program alive, and ends with it. */
export class PythonHost extends OwnedHost {
  /** What its nodes are written in. */
  readonly language = 'python';
  /** The Python that it runs, and how that was found. */
  readonly interpreter: Interpreter;
  readonly #forgotten: FinalizationRegistry<number>;
  #pythonVersion = '';

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
    const env = { ...process.env, ...options.env };
    const path = options.path ?? [cwd];
    return PythonHost.launch(options, { interpreter, args: [], entry: ENTRY, path, cwd, env });
  }

  /** Starts a host with an interpreter that is known. @internal */
  static async launch(
    options: Pick<PythonHostOptions, 'name' | 'onOutput' | 'logger'>,
    launch: PythonLaunch,
  ): Promise<PythonHost> {
    // What may fail without a process, before there is one.
    const address = await listener.address();
    const host = new PythonHost(options, launch);
    const ready = await host.handshake(address, { path: launch.path, cwd: launch.cwd });
    host.#pythonVersion = (ready as PythonReady).pythonVersion;
    return host;
  }

  private constructor(
    options: PythonHostOptions,
    { interpreter, args, entry, cwd, env, isDebug }: PythonLaunch,
  ) {
    const { name = 'python', onOutput, logger } = options;
    super({ name, onOutput, logger, isDebug }, (uniqueName, take) => {
      const command = { path: interpreter.path, args: [...args, entry], cwd, env: { ...FEW_ARENAS, ...env } };
      return new HostProcess(uniqueName, command, take);
    });
    this.interpreter = interpreter;
    this.logger.debug(`host "${this.name}": ${interpreter.path} (${interpreter.why})`);
    this.#forgotten = new FinalizationRegistry((objectId) => {
      if (!this.isClosing) this.request('release', { objects: [objectId] }).catch(() => undefined);
    });
  }

  /** Version of Python, such as `3.12.1`. */
  get pythonVersion(): string {
    return this.#pythonVersion;
  }

  protected override startError(exit: HostExit, how: string): RemoteMediaError {
    const words = exit.stderr.join('\n');
    const { path, why } = this.interpreter;
    const details = { host: this.name };
    if (exit.exitCode === EXIT_TOO_OLD) {
      return new RemoteMediaError(
        'RM_PYTHON_NOT_FOUND',
        `${path} (${why}) is too old: ${words} ${howToInstall()}`,
        details,
      );
    }
    if (exit.exitCode === EXIT_MODULE_MISSING) {
      return new RemoteMediaError(
        'RM_PYTHON_NOT_FOUND',
        `${path} (${why}) lacks a module that the host needs: ${words}`,
        details,
      );
    }
    const said = words === '' ? '' : ` It said:\n${words}`;
    return new RemoteMediaError(
      'RM_HOST_START',
      `Host "${this.name}" (${path}, ${why}) ended with ${how} before it was ready.${said}`,
      details,
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
    return this.#make<In, Out>({ args: [], kwargs: {}, ...params }, name);
  }

  /** Makes an object that was serialized elsewhere. @internal */
  async createPickled(pickled: Uint8Array): Promise<PythonNode> {
    return this.#make({ pickled }, undefined);
  }

  /** Takes what `cleanup` of such an object will clear of its state, for {@link PythonHost.stateOf}. @internal */
  async takeState(node: PythonNode): Promise<void> {
    await this.request('takeState', { object: node.objectId });
  }

  /** The state of such an object, serialized. @internal */
  async stateOf(node: PythonNode): Promise<Uint8Array> {
    const answer = (await this.request('state', { object: node.objectId })) as { pickled: Uint8Array };
    return answer.pickled;
  }

  async #make<In, Out>(params: object, name: string | undefined): Promise<PythonNode<In, Out>> {
    const created = (await this.request('create', params)) as CreatedObject;
    const { object: objectId, className, module, traits } = created;
    const node = new PythonNode<In, Out>(
      {
        host: this,
        objectId,
        className,
        module,
        traits,
        request: (method, rest) => this.request(method, { object: objectId, ...rest }),
        release: async () => {
          this.#forgotten.unregister(node);
          if (!this.isDead && !this.isClosing) await this.request('release', { objects: [objectId] });
        },
      },
      name ?? created.name ?? undefined,
    );
    this.#forgotten.register(node, objectId, node);
    return node;
  }

  /** Describes the classes of a module or file. */
  async discover(spec: { readonly module?: string; readonly file?: string }): Promise<unknown> {
    return this.request('discover', spec);
  }
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
