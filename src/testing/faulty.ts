import { threadId } from 'node:worker_threads';
import { InvalidArgumentError } from '../errors/index.js';
import { hostOf } from '../hosts/index.js';
import {
  describeType,
  isAsyncIterable,
  isIterableObject,
  nodeProblem,
  roleOf,
  type AnyNode,
  type Executor,
  type Items,
  type NodeContext,
  type NodeLike,
  type NodeRole,
} from '../node/index.js';

/** Something that goes wrong at an item of a node. */
export interface Fault {
  /**
   * Which call of `process` goes wrong, counted from 0 over all runs of the node: with one run, the position of the item in the node's
   * input. Of a streaming node the item that it reads, of a source the one that it gives.
   */
  readonly at: number;
  /** How long the item waits before the node gets it, in milliseconds. It waits no longer than until it is interrupted. */
  readonly delayMs?: number | undefined;
  /** What is thrown in place of the call. */
  readonly error?: unknown;
  /** Ends the worker or the process in which the node runs, at once. */
  readonly crash?: boolean | undefined;
}

/** A node that something goes wrong with; {@link faulty} makes it. It is called, and placed, as the node in it. */
export class FaultyNode<In = never, Out = unknown> {
  /** Types only, never there at run time: what the node takes and gives. */
  declare readonly '~types'?: {
    /** A function, so that a node that takes more also fits where less is given. */
    readonly in: (item: In) => void;
    /** One output, also of a node that gives many for an item. */
    readonly out: Out;
  };
  /** What the node in it does with its input. */
  readonly '~role': NodeRole;
  /** The node that does the work. */
  readonly node: AnyNode;
  /** What goes wrong. */
  readonly faults: readonly Fault[];
  /** How many calls there have been; a copy in another host counts for itself. */
  calls = 0;
  /** That of the node, or the name of its class. */
  name: string;
  /** That of the node. */
  executor: Executor | undefined;
  /** That of the node. */
  concurrency: number | undefined;
  /** That of the node. */
  group: string | undefined;
  /** That of the node. */
  returnState: boolean | undefined;
  /** Where it must not crash. */
  private readonly home: string = placeName();

  /** @internal */
  constructor(node: AnyNode, faults: readonly Fault[]) {
    this['~role'] = roleOf(node);
    this.node = node;
    this.faults = faults;
    this.name = node.name === undefined || node.name === '' ? describeType(node) : node.name;
    this.executor = node.executor;
    this.concurrency = node.concurrency;
    this.group = node.group;
    this.returnState = node.returnState;
  }

  /** Initializes the node. */
  initialize(context?: NodeContext): unknown {
    return this.node.initialize(context);
  }

  /** Cleans the node up. */
  cleanup(): unknown {
    return this.node.cleanup?.();
  }

  /** Calls the node, unless something goes wrong. */
  process(item: In, context: NodeContext): unknown {
    const late = this.#suffer(context);
    if (late === undefined) return this.node.process?.(item, context);
    return late.then((): unknown => this.node.process?.(item, context));
  }

  /** Flushes the node. */
  flush(context: NodeContext): unknown {
    return this.node.flush?.(context);
  }

  /** Gives the node its input, in which something goes wrong. */
  stream(input: AsyncIterable<In>, context: NodeContext): unknown {
    return this.node.stream?.(this.#suffering(input, context), context);
  }

  /** Gives what the node gives, in which something goes wrong. */
  async *source(context: NodeContext): AsyncGenerator<unknown, void, undefined> {
    const items: unknown = await this.node.source?.(context);
    if (isIterableObject(items) || isAsyncIterable(items)) yield* this.#suffering(items, context);
  }

  async *#suffering<T>(items: Items<T>, context: NodeContext): AsyncGenerator<T, void, undefined> {
    for await (const item of items) {
      await this.#suffer(context);
      yield item;
    }
  }

  /** Counts a call; gives a promise where it has to wait. */
  #suffer(context: NodeContext): Promise<void> | undefined {
    const index = this.calls++;
    const faults = this.faults.filter(({ at }) => at === index);
    const delayMs = faults.reduce((sum, fault) => sum + (fault.delayMs ?? 0), 0);
    if (delayMs === 0) {
      this.#fail(faults, context);
      return undefined;
    }
    return wait(delayMs, context.signal).then(() => {
      this.#fail(faults, context);
    });
  }

  #fail(faults: readonly Fault[], { nodeId }: NodeContext): void {
    for (const fault of faults) {
      if (fault.crash === true) this.#crash(nodeId);
      if ('error' in fault) throw fault.error;
    }
  }

  #crash(nodeId: string): void {
    if (this.home === placeName()) {
      throw new InvalidArgumentError(
        'RM_INVALID_ARGUMENT',
        `Node "${nodeId}" is to crash and runs in the program itself, which would end with it. Give it executor: 'process' or 'worker'.`,
      );
    }
    // In a worker this ends the thread only.
    if (threadId === 0) process.kill(process.pid, 'SIGKILL');
    else process.exit(1);
  }
}

/**
 * A node that does what the given one does, except at chosen items: there it is late, throws, or ends its host. Errors name it as they
 * would name the node.
 *
 * @throws InvalidArgumentError `RM_INVALID_NODE` where it is no node of this program; `RM_INVALID_ARGUMENT` where a fault is none
 * @example
 * ```ts
 * const node = faulty(new Recognizer(), { at: 3, error: new Error('out of memory') }, { at: 5, delayMs: 200 });
 * ```
 */
export function faulty<In, Out>(node: NodeLike<In, Out>, ...faults: readonly Fault[]): FaultyNode<In, Out> {
  const problem =
    nodeProblem(node) ??
    (hostOf(node) === undefined
      ? undefined
      : 'one that lives in Python; remotemedia.testing.faulty is for it');
  if (problem !== undefined)
    throw new InvalidArgumentError('RM_INVALID_NODE', `faulty takes a node instance, got ${problem}.`);
  for (const fault of faults) checkFault(fault);
  return new FaultyNode<In, Out>(node, faults);
}

function checkFault(fault: Fault): void {
  const { at, delayMs = 0, crash = false } = fault;
  let problem: string | undefined;
  if (!Number.isInteger(at) || at < 0)
    problem = `at must be the position of an item, from 0, got ${String(at)}`;
  else if (!(delayMs >= 0)) problem = `delayMs must be a number from 0, got ${String(delayMs)}`;
  else if (delayMs === 0 && !crash && !('error' in fault))
    problem = `at item ${String(at)} nothing goes wrong: give error, delayMs or crash`;
  if (problem !== undefined) throw new InvalidArgumentError('RM_INVALID_ARGUMENT', `A fault: ${problem}.`);
}

function placeName(): string {
  return `${String(process.pid)}:${String(threadId)}`;
}

/** As a node should wait that knows of interruptions. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
