import {
  DEFAULT_QUEUE,
  roleOf,
  settingsOf,
  type AnyNode,
  type CheckedQueue,
  type NodeContext,
} from '../node/index.js';
import { EdgeQueues, EdgeStage } from './edge-queues.js';
import { FanInStage } from './fan-in.js';
import { SourceFeed } from './feeds.js';
import { ItemContext } from './item-context.js';
import { nodeMetrics, type NodeMetrics } from './metrics.js';
import type { NodeInputs } from './node-inputs.js';
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
  /** What feeds it, where that is brought together, or edges have queues of their own. */
  readonly inputs?: NodeInputs | undefined;
}

/** What runs a node. */
type Runner = NodeStage | StreamStage | SourceFeed;

/** The stages of one segment, connected. */
export class Assembly {
  /** What runs each node, in the order of the nodes. */
  readonly #runners: readonly Runner[];
  /** What brings the inputs of a node together, where that is done; by its id. */
  readonly #fanIns: ReadonlyMap<string, FanInStage> | undefined;

  constructor(runners: readonly Runner[], fanIns: ReadonlyMap<string, FanInStage>) {
    this.#runners = runners;
    if (fanIns.size > 0) this.#fanIns = fanIns;
  }

  /** The source nodes' feeds. */
  get feeds(): SourceFeed[] {
    return this.#runners.filter((runner) => runner instanceof SourceFeed);
  }

  /** Those of the nodes that take items. */
  get stages(): (NodeStage | StreamStage)[] {
    return this.#runners.filter(
      (runner): runner is NodeStage | StreamStage => !(runner instanceof SourceFeed),
    );
  }

  /** Ids of nodes whose code is running. */
  busy(): string[] {
    return this.#runners.filter((runner) => runner.isBusy).map(({ id }) => id);
  }

  metrics(): NodeMetrics[] {
    return this.#runners.map((runner) => metricsOf(runner, this.#fanIns?.get(runner.id)?.dropped));
  }
}

/** Gives the stage that takes items for a node; `from` is what gives them. */
export type Entry = (id: string, from: string) => Stage;

/**
 * Makes the stages of a segment, from its end to its beginning, and gives the way in beside them.
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
): [Assembly, Entry] {
  const stages = new Map<string, NodeStage | StreamStage>();
  const runners: Runner[] = [];
  const fanIns = new Map<string, FanInStage>();
  const entry = (id: string, from: string): Stage | undefined =>
    fanIns.get(id)?.inlet(from) ?? edgeOf(stages.get(id), from);
  for (const placed of [...nodes].reverse()) {
    const { id, node, inputs } = placed;
    const next = (successors.get(id) ?? []).flatMap((to) => entry(to, id) ?? []);
    const downstream = join([...next, ...(exits.get(id) ?? [])], run);
    const context = contextOf(id, run);
    const role = roleOf(node);
    if (role === 'source') {
      runners.push(new SourceFeed(id, node, context, downstream, run));
      continue;
    }
    const request = { id, node, context, downstream, run, queue: queueOf(placed, run) };
    const stage = role === 'stream' ? new StreamStage(request) : new NodeStage(request, placed.afterProcess);
    runners.push(stage);
    stages.set(id, stage);
    const { fanIn, inputQueue = DEFAULT_QUEUE } = settingsOf(node, id);
    if (fanIn === undefined || inputs === undefined) continue;
    fanIns.set(id, new FanInStage({ nodeId: id, fanIn, ...inputs, limits: inputQueue }, stage, run));
  }
  const assembly = new Assembly(runners.toReversed(), fanIns);
  return [
    assembly,
    (id, from) => {
      const stage = entry(id, from);
      if (stage === undefined) throw new Error(`"${id}" is not in this segment`);
      return stage;
    },
  ];
}

/** A list that has been brought together waits by itself: what more there is waits in the queues of the edges. */
const ONE_LIST: CheckedQueue = { ...DEFAULT_QUEUE, maxItems: 1 };

/** What waits right in front of a node, where that is not as it states it for all that comes to it. */
function queueOf({ id, node, inputs }: PlacedNode, run: RunState): EdgeQueues | CheckedQueue | undefined {
  if (inputs === undefined || inputs.queues.size === 0) return undefined;
  const { fanIn, inputQueue } = settingsOf(node, id);
  if (fanIn === undefined)
    return new EdgeQueues(inputQueue ?? DEFAULT_QUEUE, inputs.queues, run.lossesAt(id));
  return inputQueue === undefined ? ONE_LIST : undefined;
}

/** What takes the items of one edge for a node. */
function edgeOf(stage: NodeStage | StreamStage | undefined, from: string): Stage | undefined {
  const queue = stage?.edges?.of(from);
  return stage === undefined || queue === undefined ? stage : new EdgeStage(stage, queue);
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

function metricsOf(runner: Runner, droppedBefore = 0): NodeMetrics {
  const timing = runner instanceof NodeStage ? runner.timing : null;
  const metrics = nodeMetrics(runner.id, runner, timing);
  return { ...metrics, itemsDropped: metrics.itemsDropped + droppedBefore };
}
