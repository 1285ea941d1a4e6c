import type { AnyNode, CheckedQueue, NodeContext } from '../node/index.js';
import type { EdgeQueues } from './edge-queues.js';
import type { RunState } from './run-state.js';
import type { Stage } from './stage.js';

/** What the stage of a node is made of. */
export interface StageRequest {
  readonly id: string;
  readonly node: AnyNode;
  readonly context: NodeContext;
  readonly downstream: Stage;
  readonly run: RunState;
  /** What waits right in front of it, where that is not as the node states it for all that comes. */
  readonly queue: EdgeQueues | CheckedQueue | undefined;
}
