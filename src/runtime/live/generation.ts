import type { ItemQueue } from '../../segment/index.js';
import type { PipelineDefinition } from '../definition.js';
import { PipelineOfParts, type PartNode } from '../resolve/parts.js';
import { queuedEdges, type QueuedEdge } from '../resolve/resolved.js';
import { Session, type SessionOwner, type SessionRequest } from '../session/session.js';

/** What has the runs of a session. */
export interface GenerationOwner {
  /** The place of the next run that is made, in the session. */
  nextPlace(): readonly [row: string, position: number];
  /** Makes everything stale that was let in before this stamp, in all runs. */
  interrupt(before: number): void;
  /** A run has processed or given up everything, and is going to clean up; with what it failed with. */
  endsWith(generation: Generation, failure: unknown): void;
}

/** One run of a session: from its opening, or a change, to the next change or the end. */
export class Generation implements SessionOwner {
  readonly definition: PipelineDefinition;
  /** In the order of the definition. */
  readonly nodes: readonly PartNode[];
  /** Its input. */
  readonly queue: ItemQueue;
  readonly session: Session;
  readonly row: readonly [row: string, position: number];
  readonly #owner: GenerationOwner;
  #isOpen = false;
  #opened: Promise<void> | undefined;
  #setOpened: (() => void) | undefined;
  #start: (() => void) | undefined;
  #isStarted = false;

  /**
   * @param edges - those of a resolved pipeline may lead by way of nodes that no definition has
   * @throws as {@link Session}
   */
  constructor(
    definition: PipelineDefinition,
    nodes: readonly PartNode[],
    queue: ItemQueue,
    request: SessionRequest,
    owner: GenerationOwner,
    edges: readonly QueuedEdge[] = queuedEdges(definition.connections, definition.ids),
  ) {
    this.definition = definition;
    this.nodes = nodes;
    this.queue = queue;
    this.#owner = owner;
    this.row = owner.nextPlace();
    const pipeline = new PipelineOfParts(definition.name, nodes, edges);
    this.session = new Session(pipeline, { isGiven: false, items: queue }, request, this);
  }

  /** Settles when all its nodes are initialized; never where it ends before that. */
  get opened(): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    return (this.#opened ??= new Promise((resolve) => (this.#setOpened = resolve)));
  }

  /** Settles when nothing of it is left; opens it where nobody has. */
  get ended(): Promise<void> {
    return this.session.execute();
  }

  /** Lets items in, as soon as all its nodes are initialized. */
  start(): void {
    this.#isStarted = true;
    this.session.joinOutput();
    this.#start?.();
  }

  /** Ids of the nodes that are at the same place in another run. */
  idsKeptBy(next: Generation): string[] {
    const nodeOf = new Map(next.nodes.map(({ node }) => [node.id, node.node]));
    return this.nodes.flatMap(({ node: { id, node } }) => (nodeOf.get(id) === node ? [id] : []));
  }

  beforeStart(): Promise<void> | undefined {
    this.#isOpen = true;
    this.#setOpened?.();
    return this.#isStarted ? undefined : new Promise((resolve) => (this.#start = resolve));
  }

  onInterrupt(before: number): void {
    this.#owner.interrupt(before);
  }

  onEnding(failure: unknown): void {
    this.#owner.endsWith(this, failure);
  }
}
