import { NodeError } from '../../errors/index.js';
import {
  writeInputs,
  type LossEntry,
  type NodeMetrics,
  type RunState,
  type StuckReport,
} from '../../segment/index.js';
import { decodeFailure, type Failure } from '../../protocol/index.js';
import { settingsOf, writeSettings, type AnyNode } from '../../node/index.js';
import { windowOf } from '../../channels/index.js';
import { isBulk, isReplica, type Keeper, type OpenSegment, type SegmentRequest } from '../host.js';

/** How a segment talks to its host. */
export interface SegmentHost {
  readonly name: string;
  request(method: string, params: object): Promise<unknown>;
  /** As `request`, where nobody waits for an answer. */
  order(method: string, params: object): void;
  /** Calls a function when the host dies, until that is taken back. */
  watchDeath(listener: (error: Error) => void): () => void;
  /** Keeps the program alive until the given function is called. */
  hold(): () => void;
}

/** What the event `done` says. */
export interface DoneEvent {
  readonly segment: string;
  readonly failures: readonly Failure[];
  readonly stuck: readonly string[];
}

/** What the event `dead-letter` says. */
export interface DeadLetterEvent {
  readonly segment: string;
  readonly nodeId: string;
  readonly itemIndex: number;
  readonly failure: Failure;
  /** Of the item, in a session. */
  readonly stamp?: number | null;
  /** Absent where it cannot leave its host. */
  readonly item?: unknown;
}

/** What the event `losses` says. */
export interface LossesEvent {
  readonly segment: string;
  readonly losses: readonly LossEntry[];
}

/** What the event `stuck` says. */
export interface StuckEvent extends Omit<StuckReport, 'host'> {
  readonly segment: string;
}

/** What a node in another host has: the number of its object there. */
type RemoteObject = AnyNode & { readonly objectId: number };

/** The description of a segment, as the host gets it; see `schema/wire.md`. */
export async function describeSegment(
  id: string,
  request: SegmentRequest,
  cancelTimeoutMs: number,
  watch?: object,
): Promise<object> {
  const { segment, nodes, joined, inputs, outputs, run } = request;
  const { items, bytes } = windowOf(run);
  const window = [items, bytes];
  return {
    segment: id,
    nodes: segment.nodes.flatMap((nodeId) => {
      const node = nodes.get(nodeId) as RemoteObject | undefined;
      // The ends of the pipeline are no objects.
      if (node === undefined) return [];
      const inputs = joined.get(nodeId);
      const settings = writeSettings(settingsOf(node, nodeId));
      return [
        {
          id: nodeId,
          object: node.objectId,
          ...settings,
          ...(isReplica(node) && { replica: true }),
          ...(inputs !== undefined && { inputs: writeInputs(inputs) }),
        },
      ];
    }),
    edges: segment.edges.map(({ from, to }) => [from, to]),
    inputs: inputs.map(({ id: channel, token, from, to, producer, isSealed }) => ({
      channel,
      token,
      from,
      to,
      language: producer.language,
      window,
      ...(isSealed === true && { sealed: true }),
    })),
    outputs: await Promise.all(
      outputs.map(async (output) => ({
        channel: output.id,
        token: output.token,
        from: output.from,
        to: output.to,
        address: await output.consumer.listen(),
        language: output.consumer.language,
        window,
        bulk: isBulk(output),
        ...(output.isSealed === true && { sealed: true }),
      })),
    ),
    metrics: run.isMetered,
    tagged: run.isTagged,
    accounted: run.onLoss !== undefined,
    session: run.sessionId,
    ...(run.row === undefined ? {} : { row: run.row }),
    watch,
    cancelTimeoutMs,
    ...(request.keeper === undefined ? {} : { receipts: true }),
  };
}

/** A segment that runs in another process or thread. */
export class RemoteSegment implements OpenSegment {
  readonly done: Promise<void>;
  readonly #id: string;
  readonly #host: SegmentHost;
  readonly #run: RunState;
  readonly #keeper: Keeper | undefined;
  readonly #nodeIds: readonly string[];
  readonly #release: () => void;
  #settle: () => void = () => undefined;
  #stuck: readonly string[] = [];
  #metrics: readonly NodeMetrics[] = [];
  #isDone = false;
  #isCancelled = false;
  /** After a cancel the host did not even say which node has not returned. */
  #isSilent = false;

  /** @param id - unique in its host */
  constructor(id: string, host: SegmentHost, { run, segment, nodes, keeper }: SegmentRequest) {
    this.#id = id;
    this.#host = host;
    this.#run = run;
    this.#keeper = keeper;
    this.#nodeIds = segment.nodes.filter((nodeId) => nodes.has(nodeId));
    this.done = new Promise((resolve) => (this.#settle = resolve));
    const unwatch = host.watchDeath((error) => {
      if (this.#isDone) return;
      if (keeper === undefined) this.#run.fail(error);
      else keeper.hostDied(error);
      this.#finish();
    });
    const release = host.hold();
    this.#release = () => {
      unwatch();
      release();
    };
  }

  connect(): undefined {
    return undefined;
  }

  /** Nobody waits for the answer: what is sent meanwhile waits in the channels. */
  start(): undefined {
    this.#host.request('start', { segment: this.#id }).catch((error: unknown) => {
      if (this.#isDone) return;
      this.#run.breakOff(error as Error);
      this.#finish();
    });
    return undefined;
  }

  /** The host says that the segment has ended. */
  end({ failures, stuck }: DoneEvent): void {
    for (const failure of failures) this.#run.fail(decodeFailure(failure, this.#host.name));
    this.#stuck = stuck;
    this.#finish();
  }

  #finish(): void {
    this.#isDone = true;
    this.#settle();
  }

  /** The host says which node it initializes. */
  initializes(nodeId: string): void {
    this.#run.initializing = nodeId;
  }

  /** It was never opened. */
  abandon(): void {
    this.#isDone = true;
    this.#release();
  }

  stop(): void {
    this.#tell('stop');
  }

  interrupt(before: number): void {
    this.#tell('interrupt', { before });
  }

  /** A host that cannot be told any more is dead, and the run learns that from its death. */
  async keep(nodeIds: readonly string[]): Promise<void> {
    const nodes = nodeIds.filter((id) => this.#nodeIds.includes(id));
    if (this.#isDone) return;
    try {
      await this.#host.request('keep', { segment: this.#id, nodes });
    } catch (error) {
      this.#run.logger.debug(`keep of segment ${this.#id}: ${String(error)}`);
    }
  }

  /** A node of the segment interrupts the session. */
  interrupted(before: number): void {
    this.#run.interrupt(before);
  }

  /** A failure policy has given an item up. */
  givesUp({ nodeId, itemIndex, item, failure, stamp }: DeadLetterEvent): void {
    const cause = decodeFailure(failure, this.#host.name);
    const error =
      cause instanceof NodeError ? cause : new NodeError({ nodeId, phase: 'process', itemIndex, cause });
    const letter = { nodeId, itemIndex, item, error };
    this.#run.giveUpItem(this.#keeper?.ofLetter(letter) ?? letter, stamp ?? undefined);
  }

  /** Items have come to nothing in the host. */
  loses({ losses }: LossesEvent): void {
    for (const [nodeId, reason, stamps] of losses) {
      for (const stamp of stamps) {
        this.#keeper?.lost(stamp);
        this.#run.onLoss?.(nodeId, stamp, reason);
      }
    }
  }

  /** Something in the segment, or in its host, is stuck. */
  isStuck({ segment: _, ...report }: StuckEvent): void {
    this.#run.watch?.report({ ...report, host: this.#host.name });
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#tell('cancel');
  }

  /** A host that cannot be told any more is dead, and the run learns that from its death. */
  #tell(method: 'stop' | 'cancel' | 'interrupt', params: object = {}): void {
    if (this.#isDone) return;
    this.#host.order(method, { segment: this.#id, ...params });
  }

  /** A host that does not even say which node has not returned is held up by one of them. */
  busy(): readonly string[] {
    this.#isSilent = this.#isCancelled && !this.#isDone;
    return this.#isSilent ? this.#nodeIds : this.#stuck;
  }

  async close(): Promise<readonly unknown[]> {
    const closing = this.#host.request('close', { segment: this.#id });
    if (this.#isSilent) {
      closing.catch((error: unknown) => {
        this.#run.logger.debug(`close of segment ${this.#id}: ${String(error)}`);
      });
      this.#isDone = true;
      this.#release();
      return [];
    }
    try {
      const answer = (await closing) as {
        readonly failures: readonly Failure[];
        readonly metrics: readonly NodeMetrics[] | null;
      };
      this.#metrics = answer.metrics ?? [];
      // What the nodes printed has been written by now; a turn of the event loop brings it here before the caller goes on.
      await new Promise((resolve) => setImmediate(resolve));
      return answer.failures.map((failure) => decodeFailure(failure, this.#host.name));
    } catch (error) {
      return [error];
    } finally {
      this.#isDone = true;
      this.#release();
    }
  }

  metrics(): readonly NodeMetrics[] {
    return this.#metrics;
  }
}
