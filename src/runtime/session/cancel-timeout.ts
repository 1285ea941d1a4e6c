import { RemoteMediaError } from '../../errors/index.js';
import { CANCEL_TIMEOUT_MS } from './cancellation.js';

/** A node that did not return in time after a cancel, from this method or from processing. */
export interface StuckNode {
  readonly id: string;
  readonly method?: 'initialize' | 'cleanup';
}

/**
 * The error that names nodes which did not return after a cancel.
 *
 * @param isEnded - whether the host of a node was ended because of that, and the node with it
 */
export function cancelTimeout(
  stuck: readonly StuckNode[],
  reason: unknown,
  isEnded: (id: string) => boolean,
): RemoteMediaError {
  const ended = stuck.filter(({ id }) => isEnded(id));
  const left = stuck.filter((node) => !ended.includes(node));
  const sentences = [
    `After the cancel, node ${listed(stuck)} did not return within ${String(CANCEL_TIMEOUT_MS / 1000)} s.`,
    ended.length === 0
      ? ''
      : `${subject(ended, stuck)} was ended together with its host, and not cleaned up.`,
    left.length === 0 ? '' : `${subject(left, stuck)} goes on until it does.`,
    'In TypeScript a node can watch context.signal.',
  ];
  return new RemoteMediaError('RM_CANCEL_TIMEOUT', sentences.filter((text) => text !== '').join(' '), {
    cause: reason,
    nodeId: stuck[0]?.id,
  });
}

function subject(some: readonly StuckNode[], all: readonly StuckNode[]): string {
  return some.length === all.length ? 'It' : `Node ${listed(some)}`;
}

function listed(nodes: readonly StuckNode[]): string {
  return nodes.map(({ id, method }) => `"${id}"${method === undefined ? '' : ` (in ${method})`}`).join(', ');
}
