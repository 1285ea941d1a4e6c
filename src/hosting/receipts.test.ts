import { expect, it } from 'vitest';
import type { AnyNode, NodeContext } from '../node/index.js';
import { withReceipts } from './receipts.js';

const CONTEXT = {} as NodeContext;

/** What a node gives for the item 7, which has the number 4. */
async function given(process: (item: unknown) => unknown): Promise<unknown> {
  const node: AnyNode = withReceipts({ initialize: () => undefined, process });
  const result = await node.process?.([4, 7], CONTEXT);
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return result;
  const outputs: unknown[] = [];
  for await (const output of result as AsyncIterable<unknown>) outputs.push(output);
  return outputs;
}

it.each<[string, (item: unknown) => unknown, unknown]>([
  ['an output', (item) => item, [7, 4]],
  ['an output that is null', () => null, [null, 4]],
  ['a list, which is one output', (item) => [item], [[7], 4]],
  ['nothing', () => undefined, 4],
  ['a promise', (item) => Promise.resolve(item), [7, 4]],
  ['a promise of nothing', () => Promise.resolve(undefined), 4],
  [
    'a generator',
    function* (item) {
      yield item;
      yield undefined;
      yield 8;
    },
    [[7], [8], 4],
  ],
  [
    'an async generator',
    async function* (item) {
      yield await Promise.resolve(item);
      yield 8;
    },
    [[7], [8], 4],
  ],
])('the number of an item follows %s', async (_, process, expected) => {
  expect(await given(process)).toEqual(expected);
});

it('what flush gives has no number', () => {
  const node = withReceipts({ initialize: () => undefined, process: () => undefined, flush: () => 'rest' });
  expect(node.flush?.(CONTEXT)).toEqual(['rest']);
});

it('a generator that is left closes the one of the node', () => {
  let isClosed = false;
  const node = withReceipts({
    initialize: () => undefined,
    *process() {
      try {
        yield 1;
        yield 2;
      } finally {
        isClosed = true;
      }
    },
  });
  const outputs = node.process?.([0, 0], CONTEXT) as Generator;
  outputs.next();
  outputs.return(undefined);
  expect(isClosed).toBe(true);
});
