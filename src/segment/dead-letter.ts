import type { NodeError } from '../errors/index.js';

/** An item that was given up because a node with the failure policy `skip` failed for it. */
export interface DeadLetter {
  /** Id of the node that failed. */
  readonly nodeId: string;
  /** Position of the item in the node's own input, from 0. */
  readonly itemIndex: number;
  /** Of a session that was opened with `accounting`: which of its inputs the item comes from, from 0; -1 where it comes from none. */
  readonly inputIndex?: number;
  /** What the node was given; `undefined` where it cannot leave the process in which it is, which is logged there. */
  readonly item: unknown;
  /** What failed, after the last retry. */
  readonly error: NodeError;
}

/** Takes a dead letter, with the stamp that its item has in a session. */
export type TakeDeadLetter = (letter: DeadLetter, stamp?: number) => void;
