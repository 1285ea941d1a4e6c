import type { Host, Return } from '../../hosts/index.js';
import type { ManifestConnection } from '../../manifest/index.js';
import { checkedQueue, readQueue, type AnyNode, type CheckedQueue } from '../../node/index.js';
import { chainEdges, type Edge, type PlannedNode } from '../../plan/index.js';

/** A node of a pipeline that is about to run: the live object and its place. */
export interface ResolvedNode extends PlannedNode {
  readonly node: AnyNode;
  readonly placement: Host;
  /** Whether it passes on items that only Python can read. @defaultValue false */
  readonly isSealed?: boolean;
}

/** An edge, and what waits at its end. */
export interface QueuedEdge extends Edge {
  /** Limits of what it brings; absent where what comes by it waits with all else. */
  readonly queue?: CheckedQueue;
}

/**
 * The edges of a pipeline.
 *
 * @param connections - as they are stated; without any the nodes are a chain
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` that names the connection whose queue is wrong
 */
export function queuedEdges(
  connections: readonly ManifestConnection[],
  ids: readonly string[],
): readonly QueuedEdge[] {
  if (connections.length === 0) return chainEdges(ids);
  return connections.map(({ from, to, queue }, index) => {
    const limits = readQueue(queue);
    if (limits === undefined) return { from, to };
    return { from, to, queue: checkedQueue(limits, `connections[${String(index)}].queue`) };
  });
}

/** A pipeline whose nodes are all live. */
export interface ResolvedPipeline {
  readonly name: string;
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly QueuedEdge[];
  /** Once all nodes have been cleaned up in good order: brings the states home that are to come. */
  bringHome?(): Promise<void> | undefined;
  /**
   * Releases what was made for this run alone; may be called again.
   *
   * @param how - how the run ended; where there was none, `failed`
   */
  release(how?: Return): Promise<void>;
}
