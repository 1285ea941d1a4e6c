import { roleOfTraits, type Host, type RemoteNode, type TypeScriptHost } from '../hosts/index.js';
import { roleOf } from '../node/index.js';
import {
  chainEdges,
  planSegments,
  planToMermaid,
  planToText,
  type Plan,
  type PlannedNode,
} from '../plan/index.js';
import type { KeptWorker } from './kept-worker.js';
import type { PipelineMessage, PipelineNodeMessage } from './messages.js';
import { kindOf, WHY, whyKind } from './placement.js';

/** A plan, and how it is shown. */
export interface PlanAnswer extends Plan {
  readonly text: string;
  readonly mermaid: string;
}

/** Which segment of a driver's pipeline runs where. TypeScript nodes are made for it, as only they know whether they are sources. */
export async function planPipeline(
  pipeline: PipelineMessage,
  driver: Host,
  kept: KeptWorker,
): Promise<PlanAnswer> {
  const planner = new Planner(pipeline, driver, kept);
  try {
    const nodes: PlannedNode[] = [];
    for (const [index, node] of pipeline.nodes.entries()) nodes.push(await planner.planned(node, index));
    const { name, connections } = pipeline;
    const edges =
      connections.length > 0
        ? connections.map(({ from, to }) => ({ from, to }))
        : chainEdges(nodes.map(({ id }) => id));
    const plan = planSegments({ name, driver: driver.name, nodes, edges });
    return { ...plan, text: planToText(plan), mermaid: planToMermaid(plan) };
  } finally {
    await planner.release();
  }
}

class Planner {
  readonly #pipeline: PipelineMessage;
  readonly #driver: Host;
  readonly #kept: KeptWorker;
  readonly #made: RemoteNode[] = [];
  #worker: TypeScriptHost | undefined;

  constructor(pipeline: PipelineMessage, driver: Host, kept: KeptWorker) {
    this.#pipeline = pipeline;
    this.#driver = driver;
    this.#kept = kept;
  }

  async planned(message: PipelineNodeMessage, index: number): Promise<PlannedNode> {
    const { id } = message;
    if ('node_type' in message) {
      const { node_type, params, executor } = message;
      const kind = kindOf(id, executor ?? undefined);
      this.#worker ??= await this.#kept.acquire();
      const path = `nodes[${String(index)}]`;
      const { baseDir } = this.#pipeline;
      const node = await this.#worker.create({ node_type, params: params ?? {}, baseDir, path });
      this.#made.push(node);
      const host = kind === undefined ? this.#worker.name : id;
      return { id, type: node_type, host, why: whyKind(kind), isSource: roleOf(node) === 'source' };
    }
    const isSource = roleOfTraits(message.traits) === 'source';
    const type = message.className;
    if ('pickled' in message) return { id, type, host: id, why: WHY.pickled, isSource };
    return { id, type, host: this.#driver.name, why: WHY.driver, isSource };
  }

  async release(): Promise<void> {
    if (this.#worker === undefined) return;
    await this.#worker.release(this.#made).catch(() => undefined);
    await this.#kept.release(this.#worker, undefined);
  }
}
