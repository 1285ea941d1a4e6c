import type { DType, Tensor } from '../data/index.js';
import type { Logger } from '../logging/index.js';
import type { FanIn, FanInPolicy } from './fan-in.js';
import { recordLifecycleCalls } from './lifecycle.js';
import {
  applySettings,
  type FailurePolicy,
  type NodeSettings,
  type OnError,
  type QueueLimits,
  type RestartPolicy,
  type WhenFull,
} from './settings.js';

/** What a node is given with each call. */
export interface NodeContext {
  /** Id of the node in this run. */
  readonly nodeId: string;
  /** Of the session, as it was opened with, or a random one; each run has one as well. The same in all hosts. */
  readonly sessionId: string;
  /** Aborts when the run is cancelled; in a session also when the item of this call was interrupted. */
  readonly signal: AbortSignal;
  /** The run's logger. */
  readonly logger: Logger;
  /**
   * When the item of this call is to be shown or heard, in µs: as it was written, or as a node before has assigned it; in a run `undefined`. What
   * is given for the item has the same, unless another one is assigned before.
   */
  timestampUs: number | undefined;
  /**
   * A tensor to write into and to give away as an output: one whose memory other processes share, so that it needs no copy, where the
   * outputs go to another process and the optional dependency `koffi` is installed; else one of ordinary memory. Its elements may hold
   * anything until they are written. Once it was sent to its only consumer it is empty here.
   *
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the element type or the shape is none
   * @throws RemoteMediaError `RM_SHARED_MEMORY_FULL`
   */
  allocate(dtype: DType, shape: readonly number[]): Tensor;
  /**
   * Interrupts the session, as a speaker who barges in does: everything that was let in before the item of this call becomes stale in all
   * hosts at once. What of it waits is dropped, what runs is aborted, what it leads to is discarded. In a run, whose items all count,
   * nothing happens.
   */
  interrupt(): void;
  /** The item of this call, and what is given for it, survives interruptions. */
  survive(): void;
}

/**
 * Where a node runs: in this program, or in a `worker` thread or a `process` (`multiprocess` means the same), of its own or that of its
 * `group`. A live object is serialized for that; see `docs/nodes.md`.
 */
export type Executor = 'in-process' | 'worker' | 'process' | 'multiprocess' | (string & {});

/** Many outputs for one item: a generator, or any object that is both iterator and iterable. */
export type ManyOutputs<Out> =
  | Generator<Out | undefined, unknown, undefined>
  | AsyncGenerator<Out | undefined, unknown, undefined>
  | (Iterator<Out | undefined> & Iterable<Out | undefined>)
  | (AsyncIterator<Out | undefined> & AsyncIterable<Out | undefined>);

/** What `process` and `flush` may give back; `undefined` is no output, an array is one. */
export type ProcessResult<Out> =
  Out | undefined | PromiseLike<Out | ManyOutputs<Out> | undefined> | ManyOutputs<Out>;

/** A value or a promise of it. */
export type Awaitable<T> = T | PromiseLike<T>;

/** Anything that gives items one after the other. */
export type Items<T> = Iterable<T> | AsyncIterable<T>;

/** What the base classes take; a node's own parameters stand beside these. */
export interface NodeOptions extends NodeSettings {
  /** Name of the node; ids are made from it. @defaultValue the class name */
  readonly name?: string | undefined;
  /** Where the node runs. @defaultValue in the process that runs the pipeline */
  readonly executor?: Executor | undefined;
  /** Nodes of one group and one executor share a worker or process. @defaultValue one of its own */
  readonly group?: string | undefined;
  /** Brings the state home that the node has at the end of a run in a worker or process. @defaultValue that of the run */
  readonly returnState?: boolean | undefined;
}

/** Any object that can be a node: one of `process`, `stream` or `source`, and `initialize`. */
export interface NodeLike<In = never, Out = unknown> extends NodeSettings {
  /** Types only, never there at run time: what the node takes and gives. */
  readonly '~types'?: {
    /** A function, so that a node that takes more also fits where less is given. */
    readonly in: (item: In) => void;
    /** One output, also of a node that gives many for an item. */
    readonly out: Out;
  };
  /** Name of the node; ids are made from it. @defaultValue the class name */
  name?: string | undefined;
  /** Where the node runs. @defaultValue in the process that runs the pipeline */
  executor?: Executor | undefined;
  /** Nodes of one group and one executor share a worker or process. @defaultValue one of its own */
  group?: string | undefined;
  /** Brings the state home that the node has at the end of a run in a worker or process. @defaultValue that of the run */
  returnState?: boolean | undefined;
  /**
   * Whether `process` reads the arrays and bytes of an item only until it has returned (or what it returned has settled or ended), and
   * gives none of them on. They may then lie in memory that another process uses again, so that they need no copy, where the optional
   * dependency `koffi` is installed.
   *
   * @defaultValue false
   */
  borrows?: boolean | undefined;
  /** Called once before the first item. */
  initialize(context?: NodeContext): unknown;
  /** Called once after the last item, also after an error. */
  cleanup?(): unknown;
  /** Called for each item. */
  process?(item: In, context: NodeContext): unknown;
  /** Called at the end of the input; may give outputs. */
  flush?(context: NodeContext): unknown;
  /** Takes the whole input and gives the whole output. */
  stream?(input: AsyncIterable<In>, context: NodeContext): unknown;
  /** Gives items without an input. */
  source?(context: NodeContext): unknown;
}

/** A node of any types; its members mean what those of {@link NodeLike} do. */
/* eslint-disable @typescript-eslint/no-explicit-any -- only `any` fits every node in both directions. */
export interface AnyNode extends Omit<NodeLike<any, any>, '~types'> {
  /** Types only, never there at run time. `in` is a method, so that it accepts what takes less than `any`: a source takes `never`. */
  readonly '~types'?: {
    /** Takes what the node takes. */
    in(item: any): void;
    /** One output, also of a node that gives many for an item. */
    readonly out: any;
  };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/** What all base classes share. */
export abstract class BaseNode<In = unknown, Out = unknown> {
  /** Types only, never there at run time: what the node takes and gives. */
  declare readonly '~types'?: {
    /** A function, so that a node that takes more also fits where less is given. */
    readonly in: (item: In) => void;
    /** One output, also of a node that gives many for an item. */
    readonly out: Out;
  };
  /** Name of the node; ids are made from it. May be assigned until the node runs. */
  name: string | undefined;
  /** Where the node runs. May be assigned until the node runs. */
  executor: Executor | undefined;
  /** How many items an async `process` may work on at once. */
  concurrency: number | undefined;
  /** Whether outputs of several calls at once are given as they come. Not there unless given. */
  declare unordered?: boolean | undefined;
  /** What is done where `process` fails for an item. Not there unless given. */
  declare failurePolicy?: OnError | FailurePolicy | undefined;
  /** How many items wait for the node, and what becomes of more. Not there unless given. */
  declare inputQueue?: WhenFull | QueueLimits | undefined;
  /** How many workers or processes have the node. Not there unless given. */
  declare replicas?: number | undefined;
  /** How items of several inputs come to the node. Not there unless given. */
  declare fanIn?: FanInPolicy | FanIn | undefined;
  /** How often its worker or process is started again when that dies. Not there unless given. */
  declare restart?: number | RestartPolicy | undefined;
  /** Nodes of one group and one executor share a worker or process. Not there unless given. */
  declare group?: string | undefined;
  /** Brings the state home that the node has at the end of a run in a worker or process. Not there unless given. */
  declare returnState?: boolean | undefined;
  /** Reads the arrays and bytes of an item only until `process` has returned, and gives none of them on. Not there unless given. */
  declare borrows?: boolean | undefined;

  constructor(options: NodeOptions = {}) {
    recordLifecycleCalls(new.target.prototype, BaseNode.prototype);
    this.name = options.name;
    this.executor = options.executor;
    this.concurrency = options.concurrency;
    applySettings(this, options);
    if (options.group !== undefined) this.group = options.group;
    if (options.returnState !== undefined) this.returnState = options.returnState;
  }

  /** Called once before the first item: open files, load models here. */
  initialize(_context?: NodeContext): unknown {
    return undefined;
  }

  /** Called once after the last item, also after an error: close here what `initialize` opened. */
  cleanup(): unknown {
    return undefined;
  }
}

/**
 * A node that is called for each item.
 *
 * @example
 * ```ts
 * class Upper extends Node<string, string> {
 *   process(text: string) { return text.toUpperCase(); }
 * }
 * ```
 */
export abstract class Node<In = unknown, Out = unknown> extends BaseNode<In, Out> {
  /**
   * Turns an item into none (`undefined`), one (a value) or many (a generator) outputs; may be async.
   * A sync `process` costs no `await`. What it returns it has given away: do not change it afterwards.
   */
  abstract process(item: In, context: NodeContext): ProcessResult<Out>;

  /** Called at the end of the input, not after an error or a cancel; may give outputs as `process` does. */
  flush?(context: NodeContext): ProcessResult<Out>;
}

/** A node that takes its whole input as one async iterable and gives one back. */
export abstract class StreamingNode<In = unknown, Out = unknown> extends BaseNode<In, Out> {
  /** Reads from `input` as it likes; ending early ends what feeds it. */
  abstract stream(input: AsyncIterable<In>, context: NodeContext): AsyncIterable<Out | undefined>;
}

/** A node that gives items without an input. */
export abstract class SourceNode<Out = unknown> extends BaseNode<undefined, Out> {
  /** A (sync or async) iterable of items, mostly a generator; it is closed early when nobody takes more. */
  abstract source(context: NodeContext): Awaitable<Items<Out | undefined>>;
}
