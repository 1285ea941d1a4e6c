import { isManyOutputs, isThenable, type AnyNode } from '../node/index.js';

/**
 * A node that does what the given one does, takes each item with its number, and gives each output in a list: the only one of an item with
 * the item's number behind it. Else that number follows alone, behind all outputs. So who reads the outputs knows of which items all are there.
 */
export function withReceipts(node: AnyNode): AnyNode {
  return {
    ...node,
    process: (numbered, context) => {
      const [number, item] = numbered as [number, unknown];
      return receipted(node.process?.(item, context), number);
    },
    ...(node.flush === undefined ? {} : { flush: (context) => receipted(node.flush?.(context), undefined) }),
  };
}

/** What `flush` gives belongs to no item. */
function receipted(result: unknown, number: number | undefined): unknown {
  if (typeof result === 'object' && result !== null) {
    if (isThenable(result)) return Promise.resolve(result).then((value) => receipted(value, number));
    if (isManyOutputs(result))
      return Symbol.asyncIterator in result ? allLater(result, number) : allNow(result, number);
  }
  if (result === undefined) return number;
  return number === undefined ? [result] : [result, number];
}

function* allNow(
  outputs: Iterable<unknown>,
  number: number | undefined,
): Generator<unknown, void, undefined> {
  for (const output of outputs) if (output !== undefined) yield [output];
  if (number !== undefined) yield number;
}

async function* allLater(
  outputs: AsyncIterable<unknown>,
  number: number | undefined,
): AsyncGenerator<unknown, void, undefined> {
  for await (const output of outputs) if (output !== undefined) yield [output];
  if (number !== undefined) yield number;
}
