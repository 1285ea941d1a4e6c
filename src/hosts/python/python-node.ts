import { InvalidArgumentError } from '../../errors/index.js';
import type {
  Executor,
  FailurePolicy,
  FanIn,
  FanInPolicy,
  NodeLike,
  NodeRole,
  OnError,
  QueueLimits,
  RestartPolicy,
  WhenFull,
} from '../../node/index.js';
import type { Host } from '../host.js';
import { roleOfTraits, type Traits } from '../remote/index.js';

/** How a handle reaches its object. */
export interface PythonObjectAccess {
  readonly host: Host;
  readonly objectId: number;
  readonly className: string;
  readonly module: string;
  readonly traits: Traits;
  request(method: 'get' | 'set' | 'call', params: object): Promise<unknown>;
  release(): Promise<void>;
}

/**
 * A live Python object, addressed from here. It is a node wherever its class has `process`; its state lives in the host as long as the
 * handle. A handle that is no longer reachable lets go of its object.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Python tells nothing of what it takes and gives.
export class PythonNode<In = any, Out = any> implements NodeLike<In, Out>, AsyncDisposable {
  /** Types only, never there at run time: what the node takes and gives. */
  declare readonly '~types'?: {
    /** A function, so that a node that takes more also fits where less is given. */
    readonly in: (item: In) => void;
    /** One output, also of a node that gives many for an item. */
    readonly out: Out;
  };
  /** Name of the node; ids are made from it. @defaultValue the `name` of the Python object, else its class name */
  name: string | undefined;
  /** Changes nothing: a live object runs in the host that holds it. */
  executor: Executor | undefined;
  /** How many items an async `process` may work on at once. @defaultValue 1 */
  concurrency: number | undefined;
  /** Whether outputs of several calls at once are given as they come. Not there unless assigned. */
  declare unordered?: boolean | undefined;
  /** What is done where `process` fails for an item. Not there unless assigned. */
  declare failurePolicy?: OnError | FailurePolicy | undefined;
  /** How many items wait for the node, and what becomes of more. Not there unless assigned. */
  declare inputQueue?: WhenFull | QueueLimits | undefined;
  /** How items of several inputs come to the node. Not there unless assigned. */
  declare fanIn?: FanInPolicy | FanIn | undefined;
  /** How often its host is started again when it dies: only where the host was made for it. Not there unless assigned. */
  declare restart?: number | RestartPolicy | undefined;
  readonly #access: PythonObjectAccess;
  #isClosed = false;

  constructor(access: PythonObjectAccess, name: string | undefined) {
    this.#access = access;
    this.name = name ?? access.className;
  }

  /** Name of the Python class. */
  get className(): string {
    return this.#access.className;
  }

  /** Name of the Python module that the class comes from. */
  get module(): string {
    return this.#access.module;
  }

  /** The number by which the host knows the object. */
  get objectId(): number {
    if (this.#isClosed) throw this.#closedError();
    return this.#access.objectId;
  }

  /** Names the host to the planner. @internal */
  get '~host'(): Host {
    return this.#access.host;
  }

  /** Names the role to the runner. @internal */
  get '~role'(): NodeRole | undefined {
    return roleOfTraits(this.#access.traits);
  }

  /**
   * Reads an attribute; `name` may be dotted.
   *
   * @throws PythonError where Python raises, `RM_CLOSED` after {@link PythonNode.close}
   */
  async get<T = unknown>(name: string): Promise<T> {
    return (await this.#request('get', { name })) as T;
  }

  /** Assigns an attribute. */
  async set(name: string, value: unknown): Promise<void> {
    await this.#request('set', { name, value });
  }

  /** Calls a method; what it gives is awaited in Python where it can be. */
  async call<T = unknown>(name: string, ...args: unknown[]): Promise<T> {
    return this.callWith<T>(name, { args });
  }

  /** Calls a method with keyword arguments. */
  async callWith<T = unknown>(
    name: string,
    {
      args = [],
      kwargs = {},
    }: { readonly args?: readonly unknown[]; readonly kwargs?: Readonly<Record<string, unknown>> },
  ): Promise<T> {
    return (await this.#request('call', { name, args, kwargs })) as T;
  }

  /** Initializes the object now; runs then leave that, and the cleanup, to you. Without it each run does both. */
  async initialize(): Promise<void> {
    if (this.#access.traits.initialize) await this.call('initialize');
  }

  /** Cleans the object up, after you have initialized it. */
  async cleanup(): Promise<void> {
    if (this.#access.traits.cleanup) await this.call('cleanup');
  }

  /** Lets go of the object. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#access.release();
  }

  /** Lets go of the object at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #request(method: 'get' | 'set' | 'call', params: object): Promise<unknown> {
    if (this.#isClosed) throw this.#closedError();
    return this.#access.request(method, params);
  }

  #closedError(): InvalidArgumentError {
    return new InvalidArgumentError(
      'RM_CLOSED',
      `The handle of Python object "${this.name ?? this.className}" is closed. Create the object again.`,
    );
  }
}
