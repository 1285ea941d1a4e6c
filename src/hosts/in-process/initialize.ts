import { describeCause, NodeError, RemoteMediaError } from '../../errors/index.js';
import { acquireNode, gateOf, releaseNode, roleOf } from '../../node/index.js';
import { contextOf, type PlacedNode, type RunState } from '../../segment/index.js';

/**
 * Initializes the nodes in order, from `start` on; a promise only where there is something to wait for.
 *
 * @throws NodeError with phase `initialize`, or the reason of a cancel, after the nodes before have been cleaned up.
 */
export function initializeAll(
  nodes: readonly PlacedNode[],
  run: RunState,
  start = 0,
): Promise<void> | undefined {
  for (let index = start; index < nodes.length; index++) {
    if (run.isCancelled) return cleanUpAndThrow(nodes.slice(0, index), run, run.signal.reason);
    const { id, node } = nodes[index] as PlacedNode;
    try {
      run.logger.debug(`node "${id}": initialize`);
      run.initializing = id;
      run.onInitialize?.(id);
      if (roleOf(node) !== 'process') claim(id, node, run);
      const pending = acquireNode(node, contextOf(id, run));
      if (pending !== undefined) return initializeLater(pending, nodes, run, index);
    } catch (error) {
      return undoInitialize(nodes, run, index, error);
    }
  }
  run.initializing = undefined;
  return undefined;
}

async function initializeLater(
  pending: Promise<void>,
  nodes: readonly PlacedNode[],
  run: RunState,
  index: number,
): Promise<void> {
  const { id, node } = nodes[index] as PlacedNode;
  let hasReturned: boolean;
  try {
    hasReturned = await returnsInTime(pending, run);
  } catch (error) {
    return undoInitialize(nodes, run, index, error);
  }
  if (hasReturned) return initializeAll(nodes, run, index + 1);
  // Should it return after all, nobody needs the node any more.
  pending
    .then(() => cleanUpAll([{ id, node }], run))
    .catch((error: unknown) => {
      run.logger.debug(`node "${id}": initialize failed after the cancel: ${describeCause(error)}`);
    });
  return cleanUpAndThrow(nodes.slice(0, index), run, run.signal.reason);
}

/** A streaming or source node keeps its state in a generator: it serves one run at a time. */
function claim(id: string, node: PlacedNode['node'], run: RunState): void {
  const gate = gateOf(node);
  // The run before of the same session has it as well where it goes on in this one.
  if (gate.holder !== null && gate.holder !== run.claimant) {
    throw new RemoteMediaError(
      'RM_NODE_BUSY',
      `Node "${id}" is a ${roleOf(node)} node that is already running. Make an instance of its own for each place and each run.`,
      { nodeId: id },
    );
  }
  void gate.enter(run.claimant);
}

function unclaim(node: PlacedNode['node'], run: RunState): void {
  if (roleOf(node) !== 'process' && gateOf(node).holder === run.claimant) gateOf(node).leave();
}

function undoInitialize(
  nodes: readonly PlacedNode[],
  run: RunState,
  index: number,
  error: unknown,
): Promise<never> {
  const { id, node } = nodes[index] as PlacedNode;
  unclaim(node, run);
  const isBusy = error instanceof RemoteMediaError && error.code === 'RM_NODE_BUSY';
  const failure = isBusy ? error : new NodeError({ nodeId: id, phase: 'initialize', cause: error });
  return cleanUpAndThrow(nodes.slice(0, index), run, failure);
}

async function cleanUpAndThrow(nodes: readonly PlacedNode[], run: RunState, reason: unknown): Promise<never> {
  const late = await cleanUpAll(nodes, run);
  if (reason instanceof NodeError) reason.suppressed.push(...late);
  else for (const failure of late) run.logger.error(describeCause(failure));
  throw reason;
}

/**
 * Cleans up in reverse order, all of them whatever fails; gives the failures.
 *
 * @param busy - ids of nodes whose code has not returned: they are left as they are
 */
export async function cleanUpAll(
  nodes: readonly PlacedNode[],
  run: RunState,
  busy: ReadonlySet<string> = new Set(),
): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const { id, node } of [...nodes].reverse()) {
    if (busy.has(id)) {
      run.logger.warn(`node "${id}": no cleanup, its code has not returned`);
      continue;
    }
    unclaim(node, run);
    try {
      run.logger.debug(`node "${id}": cleanup`);
      run.cleaningUp = id;
      const pending = releaseNode(node);
      if (pending !== undefined && !(await returnsInTime(pending, run)))
        run.logger.warn(`node "${id}": cleanup has not returned`);
    } catch (error) {
      failures.push(new NodeError({ nodeId: id, phase: 'cleanup', cause: error }));
    }
  }
  run.cleaningUp = undefined;
  return failures;
}

/** Waits until it settles, or until the run gives it up. */
function returnsInTime(pending: Promise<void>, run: RunState): Promise<boolean> {
  return Promise.race([pending.then(() => true), run.givenUp.then(() => false)]);
}
