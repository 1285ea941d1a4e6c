import type { NodeError } from '../errors/index.js';

/** An item that was given up because a node with the failure policy `skip` failed for it. */
export interface DeadLetter {
  /** Id of the node that failed. */
  readonly nodeId: string;
  /** Position of the item in the node's own input, from 0. */
  readonly itemIndex: number;
  /** What the node was given; `undefined` where it cannot leave the process in which it is, which is logged there. */
  readonly item: unknown;
  /** What failed, after the last retry. */
  readonly error: NodeError;
}
