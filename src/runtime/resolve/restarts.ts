import { InvalidArgumentError } from '../../errors/index.js';
import { makeRestartingHost, type RestartingRequest } from '../../hosts/index.js';
import { roleOf, settingsOf, type AnyNode, type CheckedQueue } from '../../node/index.js';
import type { QueuedEdge, ResolvedNode } from './resolved.js';

/** How a node is made again in another host. */
type Remaking = Pick<RestartingRequest, 'remake' | 'keepsSealed'>;

/**
 * The same node where it states no restart policy; else in a place that outlives its host.
 *
 * @param remaking - there where its host holds nothing else, and was made for it
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where its host cannot be started again
 */
export async function restartable(
  resolved: ResolvedNode,
  remaking: Remaking | undefined,
): Promise<ResolvedNode> {
  const { id, node, placement } = resolved;
  const { restart: policy } = settingsOf(node, id);
  if (policy === undefined) return resolved;
  checkRestart(id, node, remaking !== undefined);
  if (remaking === undefined) return resolved;
  const request = { nodeId: id, policy, ...remaking };
  return { ...resolved, placement: await makeRestartingHost(request, { host: placement, node }) };
}

/**
 * Checks that a node's host can be started again, and that it can be said which items were in it.
 *
 * @param hasHost - whether it has a host of its own that was made for it
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT`
 */
export function checkRestart(nodeId: string, node: AnyNode, hasHost: boolean): void {
  if (!hasHost)
    throw refused(
      nodeId,
      'and runs in a host that holds more than this node. Give it a worker or a process: executor "worker" or "process" for TypeScript, "process" in the entry of a Python node',
    );
  const role = roleOf(node);
  if (role !== 'process') {
    const kind = role === 'source' ? 'source' : 'streaming';
    throw refused(nodeId, `and is a ${kind} node, of which nobody knows with which items it is done`);
  }
  const { inputQueue, fanIn } = settingsOf(node, nodeId);
  if (fanIn !== undefined)
    throw refused(
      nodeId,
      `and brings its inputs together (${fanIn.policy}): what is sent again would find other items. Bring them together in a node before it`,
    );
  if (inputQueue !== undefined && drops(inputQueue)) throw refused(nodeId, wouldComeBack('an inputQueue'));
}

/**
 * Checks that no edge drops what a node would get again whose host may be started again.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT`
 */
export function checkRestartedQueues(nodeId: string, edges: readonly QueuedEdge[]): void {
  const dropping = edges.find(({ to, queue }) => to === nodeId && queue !== undefined && drops(queue));
  if (dropping === undefined) return;
  throw refused(nodeId, wouldComeBack(`a connection from "${dropping.from}" with a queue`));
}

function drops({ whenFull, maxAgeMs }: CheckedQueue): boolean {
  return whenFull !== 'block' || maxAgeMs !== undefined;
}

function wouldComeBack(what: string): string {
  return `and ${what} that drops items, which would come back. Leave out whenFull and maxAgeMs`;
}

function refused(nodeId: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `Node "${nodeId}" has a restart policy ${why}, or leave restart out.`,
    { nodeId },
  );
}
