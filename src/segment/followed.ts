import { isManyOutputs, isThenable, type NodeContext } from '../node/index.js';

/** How a node is called for an item. */
export type Process = (this: unknown, item: unknown, context: NodeContext) => unknown;

/** The same, after which something is done: when it has returned, its promise has settled, or the last of its outputs was taken. */
export function followed(process: Process, after: (item: unknown) => void): Process {
  return function (this: unknown, item, context) {
    const isDone = (): void => {
      after(item);
    };
    let result: unknown;
    try {
      result = process.call(this, item, context);
    } catch (error) {
      isDone();
      throw error;
    }
    if (typeof result === 'object' && result !== null) {
      if (isThenable(result)) return settled(result, isDone);
      if (isManyOutputs(result)) return ended(result, isDone);
    }
    isDone();
    return result;
  };
}

async function settled(result: PromiseLike<unknown>, isDone: () => void): Promise<unknown> {
  let value: unknown;
  try {
    value = await result;
  } catch (error) {
    isDone();
    throw error;
  }
  if (typeof value === 'object' && value !== null && isManyOutputs(value)) return ended(value, isDone);
  isDone();
  return value;
}

function ended(outputs: Iterable<unknown> | AsyncIterable<unknown>, isDone: () => void): object {
  return Symbol.asyncIterator in outputs ? endedLater(outputs, isDone) : endedNow(outputs, isDone);
}

function* endedNow(outputs: Iterable<unknown>, isDone: () => void): Generator<unknown, void, undefined> {
  try {
    yield* outputs;
  } finally {
    isDone();
  }
}

async function* endedLater(
  outputs: AsyncIterable<unknown>,
  isDone: () => void,
): AsyncGenerator<unknown, void, undefined> {
  try {
    yield* outputs;
  } finally {
    isDone();
  }
}
