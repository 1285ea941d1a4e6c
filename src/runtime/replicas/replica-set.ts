import { NodeError, RemoteMediaError } from '../../errors/index.js';
import { InProcessHost } from '../../hosts/index.js';
import type { ManifestNode } from '../../manifest/index.js';
import {
  applySettings,
  describeType,
  type NodeContext,
  type NodeLike,
  type NodeSettings,
  type StandIn,
} from '../../node/index.js';
import { ItemContext, type RunWatch } from '../../segment/index.js';
import type { PipelineDefinition, ReplicaOrigin } from '../definition.js';
import { RemoteReplica } from './remote-replica.js';
import { ReplicaSession } from './replica-session.js';
import type { ResolveOptions, resolvePipeline } from '../resolve/resolve.js';
import { Ticket } from './ticket.js';

/** What a {@link ReplicaSet} is made from. */
export interface ReplicaSetRequest {
  /** The node. */
  readonly entry: ManifestNode;
  readonly id: string;
  /** How many copies there are. */
  readonly count: number;
  /** All that is stated for the node. */
  readonly settings: NodeSettings;
  readonly baseDir: string;
  /** What the copies are made from. */
  readonly origin: ReplicaOrigin;
  /** Looks up or makes a node, as for any pipeline. */
  readonly resolve: typeof resolvePipeline;
  /** Not there for a plan, for which nothing is made. */
  readonly options: ResolveOptions | undefined;
}

/** Where the ends of the copies' sessions are. */
const IN_PROGRAM = new InProcessHost().name;

/** Calls at once, for each item that a copy works on: so far may the others get ahead of a slow item. */
const AHEAD = 8;

/**
 * Stands in a pipeline for a node with copies in hosts of their own. To its stage it is an async node that works on many items at once: that gives the
 * outputs in order, counts items and applies the failure policy. Each call takes the copy that has the fewest items.
 */
export class ReplicaSet implements NodeLike {
  /** How many items are between input and output. */
  readonly concurrency: number;
  /** What a plan says of it. */
  readonly '~standIn': StandIn;
  readonly #request: ReplicaSetRequest;
  /** Items that a copy has at once. */
  #perReplica: number;
  #replicas: RemoteReplica[] = [];
  /** Items for which no copy is free. */
  readonly #waiting = new Set<Ticket>();
  #count = 0;
  #hasFlushed = false;

  constructor(request: ReplicaSetRequest) {
    const { entry, count, settings } = request;
    const node = 'instance' in entry ? entry.instance : undefined;
    const { concurrency = 1, replicas: _, ...others } = settings;
    this.#request = request;
    this.#perReplica = concurrency;
    this.concurrency = count * concurrency * AHEAD;
    applySettings(this, others);
    this['~standIn'] = {
      type: 'instance' in entry ? describeType(entry.instance) : entry.node_type,
      why: `gives the items to ${String(count)} replicas, each in a host of its own (${entry.executor ?? node?.executor ?? ''})`,
    };
  }

  /** All copies are made at once; where one cannot be made none is left. */
  async initialize(context?: NodeContext): Promise<void> {
    const { count } = this.#request;
    // One waits at each copy, so that that need not; but in a session another copy may be free long before.
    if (!(context instanceof ItemContext)) this.#perReplica++;
    const opening = await Promise.allSettled(
      Array.from({ length: count }, (_, index) => this.#open(index, context)),
    );
    this.#replicas = opening.flatMap((opened) => (opened.status === 'fulfilled' ? [opened.value] : []));
    const refused = opening.find((opened) => opened.status === 'rejected');
    if (refused === undefined) return;
    await this.#cancelAll();
    throw causeOf(refused.reason);
  }

  async #open(index: number, context: NodeContext | undefined): Promise<RemoteReplica> {
    const { entry, id, baseDir, origin, options, resolve } = this.#request;
    if (options === undefined) throw new Error('what is made for a plan does not run');
    const definition: PipelineDefinition = {
      name: id,
      entries: [bare(entry)],
      ids: [`${id}#${String(index)}`],
      connections: [],
      baseDir,
      replica: origin,
    };
    const session = await ReplicaSession.open({
      definition,
      resolve,
      options,
      maxItems: this.#perReplica + 1,
      sessionId: context?.sessionId,
      signal: context?.signal,
      watch: options.watch && this.#watchOf(index, options.watch),
    });
    return new RemoteReplica(`${id}#${String(index)}`, session, () => {
      this.#giveOut();
    });
  }

  /** What is reported of a copy is about this node; this program is watched by the run itself. */
  #watchOf(replica: number, watch: RunWatch): RunWatch {
    const { id } = this.#request;
    return {
      ...watch,
      report: (report) => {
        if (report.host === IN_PROGRAM) return;
        watch.report({ ...report, nodeId: report.nodeId === undefined ? undefined : id, replica });
      },
    };
  }

  /** The outputs of a copy for an item, as they come. */
  process(item: unknown, context: NodeContext): Ticket {
    const ticket = new Ticket(this.#count++, item, context, () => {
      this.#waiting.delete(ticket);
    });
    this.#waiting.add(ticket);
    this.#giveOut();
    return ticket;
  }

  #giveOut(): void {
    const alive = this.#replicas.filter((replica) => !replica.isOver);
    for (const ticket of this.#waiting) {
      const free = alive.reduce<RemoteReplica | undefined>(
        (best, replica) => (best !== undefined && best.load <= replica.load ? best : replica),
        undefined,
      );
      if (free === undefined) ticket.fail(this.#noneLeft());
      else if (free.load >= this.#perReplica) return;
      else free.take(ticket);
      this.#waiting.delete(ticket);
    }
  }

  #noneLeft(): unknown {
    const failure = this.#replicas.find((replica) => replica.failure !== undefined)?.failure;
    return failure ?? new RemoteMediaError('RM_CLOSED', `Node "${this.#request.id}" has no replica.`);
  }

  /** Each copy flushes; what they give comes in their order. */
  async *flush(): AsyncGenerator<unknown, void, undefined> {
    this.#hasFlushed = true;
    for (const replica of this.#replicas) replica.end();
    for (const replica of this.#replicas) yield* replica.flushed();
  }

  /** @throws what one of the copies has failed with, and nobody has been told of */
  async cleanup(): Promise<void> {
    if (!this.#hasFlushed) await this.#cancelAll();
    const replicas = this.#replicas.splice(0);
    for (const replica of replicas) await replica.ended;
    const untold = replicas.find((replica) => replica.untoldFailure !== undefined);
    if (untold !== undefined) throw untold.untoldFailure;
  }

  async #cancelAll(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.cancel()));
  }
}

/** The node as it is in a host: the stage here does the rest. */
function bare(entry: ManifestNode): ManifestNode {
  const {
    replicas: _replicas,
    failure_policy: _policy,
    input_queue: _queue,
    fan_in: _fanIn,
    restart: _restart,
    ...left
  } = entry;
  return left;
}

/** What the node has thrown: the stage here says which node it is. */
function causeOf(error: unknown): unknown {
  return error instanceof NodeError ? error.cause : error;
}
