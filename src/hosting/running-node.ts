import { AsyncLocalStorage } from 'node:async_hooks';
import { isManyOutputs, statedSettings, type AnyNode, type NodeContext } from '../node/index.js';

const running = new AsyncLocalStorage<string>();

/** Id of the node whose code is running, where it is a node's. */
export function runningNode(): string | undefined {
  return running.getStore();
}

/** A node that does what the given one does, and is known by its id while its code runs: what it prints is told with its name. */
export function traced(node: AnyNode): AnyNode {
  let lastId = '';
  const call = (context: NodeContext | undefined, method: () => unknown): unknown => {
    const nodeId = (lastId = context?.nodeId ?? lastId);
    return tracedOutputs(running.run(nodeId, method), nodeId);
  };
  return {
    // Whoever watches finds it in a stack.
    ...{ [Symbol.for('remotemedia.original')]: node },
    name: node.name,
    executor: undefined,
    ...statedSettings(node),
    borrows: node.borrows,
    initialize: (context) => call(context, () => node.initialize(context)),
    cleanup: () => call(undefined, () => node.cleanup?.()),
    ...(node.process === undefined
      ? {}
      : { process: (item, context) => call(context, () => node.process?.(item, context)) }),
    ...(node.flush === undefined ? {} : { flush: (context) => call(context, () => node.flush?.(context)) }),
    ...(node.stream === undefined
      ? {}
      : { stream: (input, context) => call(context, () => node.stream?.(input, context)) }),
    ...(node.source === undefined
      ? {}
      : { source: (context) => call(context, () => node.source?.(context)) }),
  };
}

/** The body of a generator runs when its outputs are asked for. */
function tracedOutputs(result: unknown, nodeId: string): unknown {
  if (typeof result !== 'object' || result === null || !isManyOutputs(result)) return result;
  const outputs = result as Iterator<unknown>;
  const traced = {
    next: () => running.run(nodeId, () => outputs.next()),
    return: (value?: unknown) => running.run(nodeId, () => outputs.return?.(value) ?? { done: true, value }),
  };
  return Symbol.asyncIterator in result
    ? Object.assign(traced, { [Symbol.asyncIterator]: () => traced })
    : Object.assign(traced, { [Symbol.iterator]: () => traced });
}
