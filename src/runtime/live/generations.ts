import { GraphError, isRemoteMediaError, RemoteMediaError } from '../../errors/index.js';
import type { Host } from '../../hosts/index.js';
import type { ManifestNode } from '../../manifest/index.js';
import { roleOf, settingsOf } from '../../node/index.js';
import { nextStamp, type ItemQueue } from '../../segment/index.js';
import { checkDefinition, edgesOf, type PipelineDefinition } from '../definition.js';
import { Generation, type GenerationOwner } from './generation.js';
import type { InputQueues } from './input-queues.js';
import { sumMetrics } from './metrics-sum.js';
import { Part, type PartNode } from '../resolve/parts.js';
import { resolvePipeline, type ResolveOptions } from '../resolve/resolve.js';
import type { QueuedEdge, ResolvedNode, ResolvedPipeline } from '../resolve/resolved.js';
import { planOf, type RunMetrics, type SessionRequest } from '../session/session.js';
import { sessionEnded } from './session-ended.js';

/** Makes another pipeline of the one that a session has; @throws where that cannot be. */
export type Edit = (definition: PipelineDefinition) => PipelineDefinition;

let rowCount = 0;

/** What the runs of a session are made of. */
export interface GenerationsRequest {
  readonly definition: PipelineDefinition;
  readonly pipeline: ResolvedPipeline;
  readonly queues: InputQueues;
  readonly resolving: ResolveOptions;
  readonly common: SessionRequest;
}

/**
 * The runs of a session, one after the other. A change of the pipeline opens the next one, which waits: it holds the nodes that stay, and
 * initializes new ones. From then on items are written to its input. The run before ends as any run does, except that nodes that stay do
 * not flush; they are not cleaned up either, as another run uses them. Then the next one begins.
 */
export class Generations implements GenerationOwner {
  readonly #request: GenerationsRequest;
  readonly #startedAt: number = performance.now();
  /** Tells its runs from those of other sessions, in all hosts. */
  readonly #row: string = String(++rowCount);
  /** How many runs have been made. */
  #count = 0;
  #past: RunMetrics | undefined;
  /** The run under way, then those that wait for their turn. */
  readonly #line: Generation[] = [];
  /** One that is being opened. */
  #opening: Generation | undefined;
  /** Settles when the change that was asked for last is made, or refused. */
  #lastChange: Promise<unknown> | undefined;
  /** How the session ended, once it has. */
  #over: { readonly failure: unknown } | undefined;

  /** @throws GraphError where the pipeline cannot run */
  constructor(request: GenerationsRequest) {
    this.#request = request;
    const part = new Part(request.pipeline);
    const nodes = part.nodes.map((node) => ({ node, part }));
    const { definition, pipeline, queues } = request;
    this.#line.push(this.#make(definition, nodes, queues.newest, pipeline.edges));
  }

  nextPlace(): [row: string, position: number] {
    return [this.#row, this.#count++];
  }

  /** Whether a node takes the input. */
  get takesInput(): boolean {
    return this.#line.at(-1)?.session.takesInput ?? true;
  }

  /** Everything that was let in so far becomes stale, in all hosts. */
  interrupt(before: number = nextStamp()): void {
    for (const { session } of this.#all()) session.interrupt(before);
  }

  /** Ends the session early: the caller of {@link Generations.execute} sees `reason`. */
  cancel(reason: unknown): void {
    for (const { session } of this.#all()) session.cancel(reason);
  }

  /** Counts and durations so far, of all nodes that are or were there. */
  metrics(): RunMetrics {
    const runs = this.#line.map(({ session }) => session.metrics());
    const { nodeMetrics, totalDurationUs } = sumMetrics(
      this.#past === undefined ? runs : [this.#past, ...runs],
    );
    const elapsedUs = (performance.now() - this.#startedAt) * 1e3;
    return { nodeMetrics, totalDurationUs: this.#over === undefined ? elapsedUs : totalDurationUs };
  }

  /**
   * Runs to the end of the session.
   *
   * @throws as {@link Session.execute}
   */
  async execute(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (let run = this.#line[0]; run !== undefined && failure === undefined; run = this.#line[0]) {
      run.start();
      try {
        await run.ended;
      } catch (error) {
        failure = { error };
      }
      this.#past = sumMetrics([...(this.#past === undefined ? [] : [this.#past]), run.session.metrics()]);
      this.#line.shift();
    }
    this.#over = { failure: failure?.error };
    const late = await this.#endRest();
    if (late !== undefined) throw late as Error;
    if (failure !== undefined) throw failure.error as Error;
  }

  /**
   * Changes the pipeline between two items. Resolves once what is written goes through the changed one; of several changes one is made
   * after the other.
   *
   * @throws RemoteMediaError `RM_SESSION_ENDED` where the session has ended before that; NodeError where a new node cannot be
   * initialized. Nothing has changed then.
   */
  change(edit: Edit): Promise<void> {
    const change = (this.#lastChange ?? Promise.resolve()).then(() => this.#change(edit));
    this.#lastChange = change.catch(() => undefined);
    return change;
  }

  async #change(edit: Edit): Promise<void> {
    const last = this.#line.at(-1);
    if (last === undefined || this.#isEnding()) throw this.#refusal();
    const next = await this.#begin(last, edit);
    await last.session.keep(last.idsKeptBy(next));
    last.queue.close(false);
  }

  /** Opens the run of a changed pipeline; what is written from then on is its input. */
  async #begin(last: Generation, edit: Edit): Promise<Generation> {
    try {
      const next = await this.#open(last, edit(last.definition));
      if (this.#isEnding()) {
        next.session.cancel(this.#refusal());
        await next.ended;
      }
      this.#line.push(next);
      this.#request.queues.goOnWith(next.queue);
      return next;
    } catch (error) {
      throw this.#isEnding() ? this.#refusal() : error;
    } finally {
      this.#opening = undefined;
    }
  }

  /** Initializes what is new in a changed pipeline, and holds the rest. */
  async #open(last: Generation, definition: PipelineDefinition): Promise<Generation> {
    checkDefinition(definition);
    const nodes = await this.#resolve(last, definition);
    if (this.#isEnding()) {
      await releaseNew(last, nodes);
      throw this.#refusal();
    }
    const next = this.#make(definition, nodes, this.#request.queues.make());
    this.#opening = next;
    await Promise.race([next.opened, next.ended]);
    return next;
  }

  /** The nodes of a changed pipeline: those that are there already, and new ones. */
  async #resolve(last: Generation, definition: PipelineDefinition): Promise<PartNode[]> {
    const { driver } = this.#request.common;
    const known = definition.entries.map((entry, index) =>
      knownNode(last, entry, definition.ids[index] ?? ''),
    );
    const missing = known.flatMap((node, index) => (node === undefined ? [index] : []));
    const added = await this.#resolveNew(definition, missing);
    const nodes = known.map((node, index) => node ?? (added[missing.indexOf(index)] as PartNode));
    try {
      checkRoles(
        { nodes: last.nodes, edges: edgesOf(last.definition) },
        { nodes, edges: edgesOf(definition) },
      );
      checkHosts(nodes);
      planOf(
        { name: definition.name, nodes: nodes.map(({ node }) => node), edges: edgesOf(definition) },
        driver,
      );
    } catch (error) {
      await releaseNew(last, nodes);
      throw error;
    }
    return nodes;
  }

  async #resolveNew(definition: PipelineDefinition, indexes: readonly number[]): Promise<PartNode[]> {
    if (indexes.length === 0) return [];
    const { common, resolving } = this.#request;
    const entries = indexes.map((index) => definition.entries[index] as ManifestNode);
    const ids = indexes.map((index) => definition.ids[index] ?? '');
    const added = { ...definition, entries, ids, connections: [] };
    const part = new Part(await resolvePipeline(added, common.driver, resolving));
    return part.nodes.map((node) => ({ node, part }));
  }

  #make(
    definition: PipelineDefinition,
    nodes: readonly PartNode[],
    queue: ItemQueue,
    edges?: readonly QueuedEdge[],
  ): Generation {
    return new Generation(definition, nodes, queue, this.#request.common, this, edges);
  }

  /** A run ends. Where it is the last one, no other may begin to use its nodes, which are about to be cleaned up. */
  endsWith(run: Generation, failure: unknown): void {
    if (run !== this.#line[0] || (failure === undefined && this.#line.length > 1)) return;
    this.#over = { failure };
    for (const other of this.#all()) if (other !== run) other.session.cancel(failure ?? this.#refusal());
  }

  /** Ends what waits for its turn where there will be none; gives what has to be told of that. */
  async #endRest(): Promise<unknown> {
    const rest = this.#all();
    for (const { session } of rest) session.cancel(this.#over?.failure ?? this.#refusal());
    const ends = await Promise.allSettled(rest.map(({ ended }) => ended));
    await this.#lastChange;
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    return errors.find((error) => isRemoteMediaError(error) && error.code === 'RM_CANCEL_TIMEOUT');
  }

  #all(): Generation[] {
    return this.#opening === undefined ? [...this.#line] : [...this.#line, this.#opening];
  }

  /** Whether no item can come any more that would go through a changed pipeline. */
  #isEnding(): boolean {
    const { common, queues } = this.#request;
    return this.#over !== undefined || queues.isClosed || common.signal?.aborted === true;
  }

  #refusal(): RemoteMediaError {
    const { common, definition } = this.#request;
    return sessionEnded(definition.name, this.#over?.failure ?? common.signal?.reason);
  }
}

/** What an entry of a changed pipeline stands for, where that is there already: a node at its place, or the same object at another. */
function knownNode({ definition, nodes }: Generation, entry: ManifestNode, id: string): PartNode | undefined {
  const index = definition.ids.indexOf(id);
  if (index >= 0 && definition.entries[index] === entry) return nodes[index];
  if (!('instance' in entry)) return undefined;
  const isSame = (other: ManifestNode): boolean => 'instance' in other && other.instance === entry.instance;
  const known = nodes[definition.entries.findIndex(isSame)];
  return known === undefined ? undefined : { ...known, node: { ...known.node, id } };
}

/** Lets go of what was made for a run that does not come to be. */
async function releaseNew(last: Generation, nodes: readonly PartNode[]): Promise<void> {
  const held = new Set(last.nodes.map(({ part }) => part));
  for (const part of new Set(nodes.map((node) => node.part))) if (!held.has(part)) await part.drop();
}

/** @throws RemoteMediaError `RM_NODE_BUSY` where a node would lose what it has, and GraphError where the input would lead nowhere */
function checkRoles(before: Placing, after: Placing): void {
  const placesBefore = new Map(before.nodes.map(({ node }) => [node.node, node.id]));
  for (const { node } of after.nodes) {
    const idBefore = placesBefore.get(node.node);
    if (idBefore === undefined) continue;
    const why = whyNot(node, idBefore, inputsOf(before, idBefore), inputsOf(after, node.id));
    if (why === undefined) continue;
    throw new RemoteMediaError(
      'RM_NODE_BUSY',
      `The session cannot be changed like that while it goes on. Node "${node.id}" ${why}`,
      { nodeId: node.id },
    );
  }
  if (!takesInput(before) || takesInput(after)) return;
  throw new GraphError(
    'The session cannot be changed like that while it goes on: only source nodes would be left at its beginning, and nothing would take what is written.',
  );
}

interface Placing {
  readonly nodes: readonly PartNode[];
  readonly edges: readonly Pick<QueuedEdge, 'from' | 'to'>[];
}

function inputsOf({ edges }: Placing, id: string): number {
  return Math.max(1, new Set(edges.filter(({ to }) => to === id).map(({ from }) => from)).size);
}

function takesInput({ nodes, edges }: Placing): boolean {
  return nodes.some(({ node }) => !node.isSource && !edges.some(({ to }) => to === node.id));
}

/** Why a node cannot go on in a changed pipeline. */
function whyNot(
  { id, node }: ResolvedNode,
  idBefore: string,
  inputsBefore: number,
  inputsAfter: number,
): string | undefined {
  const { fanIn, restart } = settingsOf(node, id);
  const role = roleOf(node);
  if (restart !== undefined)
    return 'may be started again with its host, which keeps what is in it for one run. Leave restart out, or open another session.';
  if (role === 'stream')
    return 'is a streaming node: it would see the end of its input, and lose what it keeps. Open another session, or make the node one that processes item by item.';
  if (role === 'source' && id !== idBefore)
    return `is a source node, which gives items at "${idBefore}". Give the place a source of its own.`;
  if (fanIn !== undefined && inputsBefore !== inputsAfter)
    return `brings its inputs together (${fanIn.policy}), and would have ${String(inputsAfter)} of them instead of ${String(inputsBefore)}: what waits there for others would be lost. Replace the node as well, or put the change elsewhere.`;
  return undefined;
}

/** A group is one host; the host of one that is there has been started, with what is in it. */
function checkHosts(nodes: readonly PartNode[]): void {
  const hosts = new Map<string, Host>();
  for (const { node } of nodes) {
    const host = hosts.get(node.host);
    if (host !== undefined && host !== node.placement) {
      throw new GraphError(
        `Node "${node.id}" cannot be added: the host ${node.host} runs already, and takes no further nodes. Give the node another group, or none.`,
      );
    }
    hosts.set(node.host, node.placement);
  }
}
