import type { Edge } from '../plan/index.js';
import type { ItemQueue } from '../segment/index.js';
import { edgesOf, type PipelineDefinition } from './definition.js';
import { pipelineOf, type PartNode } from './parts.js';
import type { ResolvedPipeline } from './resolved.js';
import { Session, type SessionRequest } from './session.js';

/** What is the same for all runs of a session. */
export type CommonRequest = Omit<SessionRequest, 'pipeline' | 'input' | 'beforeStart' | 'onEnding'>;

/** One run of a session: from its opening, or a change, to the next change or the end. */
export class Generation {
  readonly definition: PipelineDefinition;
  /** In the order of the definition. */
  readonly nodes: readonly PartNode[];
  /** Its input. */
  readonly queue: ItemQueue;
  readonly session: Session;
  /** Settles when all its nodes are initialized; never where it ends before that. */
  readonly opened: Promise<void>;
  readonly #pipeline: ResolvedPipeline;
  #setOpened: () => void = () => undefined;
  #start: () => void = () => undefined;
  #isStarted = false;
  #ended: Promise<void> | undefined;

  /**
   * @param edges - those of a resolved pipeline may lead by way of nodes that no definition has
   * @param onEnding - called before its nodes are cleaned up, with what it failed with
   * @throws as {@link Session}
   */
  constructor(
    definition: PipelineDefinition,
    nodes: readonly PartNode[],
    queue: ItemQueue,
    request: CommonRequest,
    onEnding: (generation: Generation, failure: unknown) => void,
    edges: readonly Edge[] = edgesOf(definition),
  ) {
    this.definition = definition;
    this.nodes = nodes;
    this.queue = queue;
    this.opened = new Promise((resolve) => (this.#setOpened = resolve));
    this.#pipeline = pipelineOf(definition.name, nodes, edges);
    this.session = new Session({
      ...request,
      pipeline: this.#pipeline,
      input: { isGiven: false, items: queue },
      beforeStart: this.#wait.bind(this),
      onEnding: (failure) => {
        onEnding(this, failure);
      },
    });
  }

  /** Settles when nothing of it is left; opens it where nobody has. */
  get ended(): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = this.session.execute().finally(() => this.#pipeline.release());
      // Whoever runs it sees the error; others may have lost interest.
      this.#ended.catch(() => undefined);
    }
    return this.#ended;
  }

  /** Lets items in, as soon as all its nodes are initialized. */
  start(): void {
    this.#isStarted = true;
    this.session.joinOutput();
    this.#start();
  }

  /** Ids of the nodes that are at the same place in another run. */
  idsKeptBy(next: Generation): string[] {
    const nodeOf = new Map(next.nodes.map(({ node }) => [node.id, node.node]));
    return this.nodes.flatMap(({ node: { id, node } }) => (nodeOf.get(id) === node ? [id] : []));
  }

  #wait(): Promise<void> | undefined {
    this.#setOpened();
    return this.#isStarted ? undefined : new Promise((resolve) => (this.#start = resolve));
  }
}
