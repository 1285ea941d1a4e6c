import type { AnyNode, NodeContext } from '../node/index.js';
import { roleOf } from '../node/index.js';
import { SourceFeed } from './feeds.js';
import { ItemContext } from './item-context.js';
import { nodeMetrics, type NodeMetrics } from './metrics.js';
import { NodeStage } from './node-stage.js';
import type { RunState } from './run-state.js';
import { FanOutStage, type Stage } from './stage.js';
import { StreamStage } from './stream-stage.js';

/** A node at its place in a segment. */
export interface PlacedNode {
  readonly id: string;
  readonly node: AnyNode;
  /** Called with each item once `process` is done with it. */
  readonly afterProcess?: (item: unknown) => void;
}

/** The stages of one segment, connected. */
export interface Assembly {
  /** The source nodes' feeds. */
  readonly feeds: readonly SourceFeed[];
  /** The stage, or stages joined by a fan-out, that takes items for these nodes. */
  entry(ids: readonly string[]): Stage;
  /** Those of the nodes that take items. */
  readonly stages: readonly (NodeStage | StreamStage)[];
  /** Ids of nodes whose code is running. */
  busy(): string[];
  metrics(): NodeMetrics[];
}

/**
 * Makes the stages of a segment, from its end to its beginning.
 *
 * @param nodes - in topological order
 * @param successors - for each id the stages' ids it leads to inside the segment
 * @param exits - for each id what it leads to outside of the segment
 */
export function assemble(
  nodes: readonly PlacedNode[],
  successors: ReadonlyMap<string, readonly string[]>,
  exits: ReadonlyMap<string, readonly Stage[]>,
  run: RunState,
): Assembly {
  const stages = new Map<string, NodeStage | StreamStage>();
  const feeds: SourceFeed[] = [];
  const stagesOf = (ids: readonly string[]): Stage[] => ids.flatMap((id) => stages.get(id) ?? []);
  for (const { id, node, afterProcess } of [...nodes].reverse()) {
    const downstream = join([...stagesOf(successors.get(id) ?? []), ...(exits.get(id) ?? [])], run);
    const context = contextOf(id, run);
    const role = roleOf(node);
    if (role === 'source') feeds.push(new SourceFeed(id, node, context, downstream, run));
    else if (role === 'stream') stages.set(id, new StreamStage(id, node, context, downstream, run));
    else stages.set(id, new NodeStage(id, node, context, downstream, run, afterProcess));
  }
  return {
    feeds,
    stages: [...stages.values()],
    entry: (ids) => join(stagesOf(ids), run),
    busy: () => [...stages.values(), ...feeds].filter((stage) => stage.isBusy).map((stage) => stage.id),
    metrics: () =>
      nodes.map(({ id }) => metricsOf(id, stages.get(id) ?? feeds.find((feed) => feed.id === id))),
  };
}

/** What a node is given with each call. */
export function contextOf(nodeId: string, run: RunState): NodeContext {
  if (run.isTagged) return new ItemContext(nodeId, run);
  return {
    nodeId,
    get sessionId() {
      return run.sessionId;
    },
    signal: run.signal,
    logger: run.logger,
    allocate: (dtype, shape) => run.allocate(dtype, shape),
    interrupt: nothingToInterrupt,
    survive: nothingToInterrupt,
  };
}

function nothingToInterrupt(): void {
  // All items of a run count.
}

/** One stage that stands for all of these. */
export function join(stages: readonly Stage[], run: RunState): Stage {
  const [only] = stages;
  return only !== undefined && stages.length === 1 ? only : new FanOutStage(stages, run);
}

function metricsOf(id: string, counters: NodeStage | StreamStage | SourceFeed | undefined): NodeMetrics {
  if (counters instanceof NodeStage) return nodeMetrics(id, counters, counters.timing);
  return nodeMetrics(id, counters ?? { itemsOut: 0, errors: 0 });
}
