import { isMainThread, threadId } from 'node:worker_threads';
import { InvalidArgumentError } from '../errors/index.js';
import { hostOf } from '../hosts/index.js';
import {
  BaseNode,
  describeType,
  isAsyncIterable,
  isIterableObject,
  nodeProblem,
  roleOf,
  statedSettings,
  type AnyNode,
  type Items,
  type NodeContext,
  type NodeLike,
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
export abstract class FaultyNode<In = never, Out = unknown> extends BaseNode<In, Out> {
  /** The node that does the work. */
  readonly node: AnyNode;
  /** What goes wrong. */
  readonly faults: readonly Fault[];
  /** How many calls there have been; a copy in another host counts for itself. */
  calls = 0;
  /** @internal Where it must not crash. */
  readonly home: string = placeName();

  /** @internal */
  constructor(node: AnyNode, faults: readonly Fault[]) {
    super({
      ...statedSettings(node),
      name: node.name === undefined || node.name === '' ? describeType(node) : node.name,
      executor: node.executor,
      group: node.group,
      returnState: node.returnState,
    });
    this.node = node;
    this.faults = faults;
  }

  /** Initializes the node. */
  override initialize(context?: NodeContext): unknown {
    return this.node.initialize(context);
  }

  /** Cleans the node up. */
  override cleanup(): unknown {
    return this.node.cleanup?.();
  }
}

/** One that is called for each item. Exported, as hosts find the class by its name. */
export class FaultyProcess<In, Out> extends FaultyNode<In, Out> {
  process(item: In, context: NodeContext): unknown {
    const late = suffer(this, context);
    if (late === undefined) return this.node.process?.(item, context);
    return late.then((): unknown => this.node.process?.(item, context));
  }

  flush(context: NodeContext): unknown {
    return this.node.flush?.(context);
  }
}

/** One that takes its whole input. */
export class FaultyStream<In, Out> extends FaultyNode<In, Out> {
  stream(input: AsyncIterable<In>, context: NodeContext): unknown {
    return this.node.stream?.(suffering(this, input, context), context);
  }
}

/** One without an input. */
export class FaultySource<In, Out> extends FaultyNode<In, Out> {
  async *source(context: NodeContext): AsyncGenerator<unknown, void, undefined> {
    const items: unknown = await this.node.source?.(context);
    if (isIterableObject(items) || isAsyncIterable(items)) yield* suffering(this, items, context);
  }
}

const CLASSES = { process: FaultyProcess, stream: FaultyStream, source: FaultySource } as const;

// Functions, as private methods would keep the node from being sent to another host.

async function* suffering<T>(
  node: FaultyNode,
  items: Items<T>,
  context: NodeContext,
): AsyncGenerator<T, void, undefined> {
  for await (const item of items) {
    await suffer(node, context);
    yield item;
  }
}

/** Counts a call; gives a promise where it has to wait. */
function suffer(node: FaultyNode, context: NodeContext): Promise<void> | undefined {
  const index = node.calls++;
  const faults = node.faults.filter(({ at }) => at === index);
  const delayMs = faults.reduce((sum, fault) => sum + (fault.delayMs ?? 0), 0);
  if (delayMs === 0) {
    fail(node, faults, context);
    return undefined;
  }
  return wait(delayMs, context.signal).then(() => {
    fail(node, faults, context);
  });
}

function fail({ home }: FaultyNode, faults: readonly Fault[], { nodeId }: NodeContext): void {
  for (const fault of faults) {
    if (fault.crash === true) crash(home, nodeId);
    if ('error' in fault) throw fault.error;
  }
}

function crash(home: string, nodeId: string): void {
  if (home === placeName()) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `Node "${nodeId}" is to crash and runs in the program itself, which would end with it. Give it executor: 'process' or 'worker'.`,
    );
  }
  // In a worker this ends the thread only.
  if (isMainThread) process.kill(process.pid, 'SIGKILL');
  else process.exit(1);
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
  return new CLASSES[roleOf(node)]<In, Out>(node, faults);
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
