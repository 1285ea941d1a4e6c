import type { DType, Tensor } from '../data/index.js';
import type { Logger } from '../logging/index.js';
import { isManyOutputs, isThenable, type AnyNode, type NodeContext, type NodeLike } from '../node/index.js';
import { encodeFailure, NO_TICKET, type ReplicaInput, type ReplicaMessage } from '../protocol/index.js';

/** One of several copies of a node: takes items with their numbers, and says of all that it gives which item it is for, and when that was all. */
export class Replica implements NodeLike<ReplicaInput, ReplicaMessage> {
  readonly concurrency: number | undefined;
  readonly unordered: boolean | undefined;
  readonly borrows: boolean | undefined;
  /** There where the node has one. */
  declare readonly flush?: (context: NodeContext) => unknown;
  readonly #node: AnyNode;

  constructor(node: AnyNode) {
    this.#node = node;
    this.concurrency = node.concurrency;
    this.unordered = node.unordered;
    this.borrows = node.borrows;
    if (node.flush !== undefined) this.flush = this.#flush.bind(this);
  }

  initialize(context: NodeContext): unknown {
    return this.#node.initialize(context);
  }

  cleanup(): unknown {
    return this.#node.cleanup?.();
  }

  process([ticket, item, timestampUs]: ReplicaInput, context: NodeContext): unknown {
    const calls: ReplicaMessage[] = [];
    const own = new ReplicaContext(ticket, timestampUs, context, calls);
    let result: unknown;
    try {
      result = this.#node.process?.(item, own);
    } catch (error) {
      return inOrder(calls, failed(ticket, error));
    }
    if (typeof result === 'object' && result !== null) {
      if (isThenable(result)) return settled(ticket, result, calls);
      if (isManyOutputs(result))
        return Symbol.asyncIterator in result
          ? drainedLater(ticket, result, calls)
          : drained(ticket, result, calls);
    }
    return inOrder(calls, lastOf(ticket, result));
  }

  /** What it fails with is the failure of the segment. */
  async *#flush(context: NodeContext): AsyncGenerator<ReplicaMessage, void, undefined> {
    const result: unknown = await this.#node.flush?.(context);
    if (typeof result === 'object' && result !== null && isManyOutputs(result)) {
      for await (const value of result) if (value !== undefined) yield [NO_TICKET, 'output', value];
    } else if (result !== undefined) yield [NO_TICKET, 'output', result];
  }
}

/** What a node is given in a replica: what it says of its item is for the session that has the replica. */
class ReplicaContext implements NodeContext {
  readonly #ticket: number;
  readonly #context: NodeContext;
  readonly #calls: ReplicaMessage[];
  #timestampUs: number | undefined;

  constructor(
    ticket: number,
    timestampUs: number | undefined,
    context: NodeContext,
    calls: ReplicaMessage[],
  ) {
    this.#ticket = ticket;
    this.#timestampUs = timestampUs;
    this.#context = context;
    this.#calls = calls;
  }

  get nodeId(): string {
    return this.#context.nodeId;
  }

  get sessionId(): string {
    return this.#context.sessionId;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  get timestampUs(): number | undefined {
    return this.#timestampUs;
  }

  set timestampUs(timestampUs: number | undefined) {
    this.#timestampUs = timestampUs;
    this.#calls.push([this.#ticket, 'timestamp', timestampUs ?? null]);
  }

  allocate(dtype: DType, shape: readonly number[]): Tensor {
    return this.#context.allocate(dtype, shape);
  }

  interrupt(): void {
    this.#calls.push([this.#ticket, 'interrupt']);
  }

  survive(): void {
    this.#calls.push([this.#ticket, 'survive']);
  }
}

function failed(ticket: number, error: unknown): ReplicaMessage {
  return [ticket, 'failed', encodeFailure(error)];
}

function lastOf(ticket: number, value: unknown): ReplicaMessage {
  return value === undefined ? [ticket, 'done'] : [ticket, 'last', value];
}

/** What the node has said before it gave this goes before it. */
function inOrder(calls: readonly ReplicaMessage[], message: ReplicaMessage): unknown {
  return calls.length === 0 ? message : [...calls, message].values();
}

async function settled(
  ticket: number,
  result: PromiseLike<unknown>,
  calls: ReplicaMessage[],
): Promise<unknown> {
  try {
    const value = await result;
    if (typeof value === 'object' && value !== null && isManyOutputs(value))
      return drainedLater(ticket, value, calls);
    return inOrder(calls, lastOf(ticket, value));
  } catch (error) {
    return inOrder(calls, failed(ticket, error));
  }
}

function* drained(
  ticket: number,
  outputs: Iterable<unknown>,
  calls: ReplicaMessage[],
): Generator<ReplicaMessage, void, undefined> {
  try {
    for (const value of outputs) {
      yield* calls.splice(0);
      if (value !== undefined) yield [ticket, 'output', value];
    }
    yield* calls.splice(0);
    yield [ticket, 'done'];
  } catch (error) {
    yield failed(ticket, error);
  }
}

async function* drainedLater(
  ticket: number,
  outputs: Iterable<unknown> | AsyncIterable<unknown>,
  calls: ReplicaMessage[],
): AsyncGenerator<ReplicaMessage, void, undefined> {
  try {
    for await (const value of outputs) {
      yield* calls.splice(0);
      if (value !== undefined) yield [ticket, 'output', value];
    }
    yield* calls.splice(0);
    yield [ticket, 'done'];
  } catch (error) {
    yield failed(ticket, error);
  }
}
