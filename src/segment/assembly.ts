import type { AnyNode, NodeContext } from '../node/index.js';
import { DEFAULT_QUEUE, roleOf, settingsOf } from '../node/index.js';
import { FanInStage } from './fan-in.js';
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
  /** What feeds it, where that is brought together. */
  readonly inputs?: NodeInputs | undefined;
}

/** What comes before a node whose inputs are brought together. */
export interface NodeInputs {
  /** Ids in the order of the lists that the node gets. */
  readonly ids: readonly string[];
  /** Whether some of them come from the same node somewhere before. */
  readonly isForked: boolean;
}

/** The stages of one segment, connected. */
export interface Assembly {
  /** The source nodes' feeds. */
  readonly feeds: readonly SourceFeed[];
  /** The stage that takes items for a node; `from` is what gives them. */
  entry(id: string, from: string): Stage;
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
  const fanIns = new Map<string, FanInStage>();
  const entry = (id: string, from: string): Stage | undefined =>
    fanIns.get(id)?.inlet(from) ?? stages.get(id);
  for (const { id, node, afterProcess, inputs } of [...nodes].reverse()) {
    const next = (successors.get(id) ?? []).flatMap((to) => entry(to, id) ?? []);
    const downstream = join([...next, ...(exits.get(id) ?? [])], run);
    const context = contextOf(id, run);
    const role = roleOf(node);
    if (role === 'source') feeds.push(new SourceFeed(id, node, context, downstream, run));
    else if (role === 'stream') stages.set(id, new StreamStage(id, node, context, downstream, run));
    else stages.set(id, new NodeStage(id, node, context, downstream, run, afterProcess));
    const stage = stages.get(id);
    const { fanIn, inputQueue = DEFAULT_QUEUE } = settingsOf(node, id);
    if (stage === undefined || fanIn === undefined || inputs === undefined) continue;
    const request = { nodeId: id, fanIn, inputs: inputs.ids, isForked: inputs.isForked, limits: inputQueue };
    fanIns.set(id, new FanInStage(request, stage, run));
  }
  return {
    feeds,
    stages: [...stages.values()],
    entry: (id, from) => {
      const stage = entry(id, from);
      if (stage === undefined) throw new Error(`"${id}" is not in this segment`);
      return stage;
    },
    busy: () => [...stages.values(), ...feeds].filter((stage) => stage.isBusy).map((stage) => stage.id),
    metrics: () =>
      nodes.map(({ id }) =>
        metricsOf(id, stages.get(id) ?? feeds.find((feed) => feed.id === id), fanIns.get(id)?.dropped),
      ),
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
    timestampUs: undefined,
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

function metricsOf(
  id: string,
  counters: NodeStage | StreamStage | SourceFeed | undefined,
  droppedBefore = 0,
): NodeMetrics {
  const timing = counters instanceof NodeStage ? counters.timing : null;
  const metrics = nodeMetrics(id, counters ?? { itemsOut: 0, errors: 0 }, timing);
  return { ...metrics, itemsDropped: metrics.itemsDropped + droppedBefore };
}
