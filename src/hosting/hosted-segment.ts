import { describeCause, RemoteMediaError } from '../errors/index.js';
import type { Host, InProcessSegment, Language, SegmentRequest, WiredChannel } from '../hosts/index.js';
import { InProcessHost } from '../hosts/index.js';
import type { Logger } from '../logging/index.js';
import { applySettings, readSettings, type AnyNode, type WrittenSettings } from '../node/index.js';
import { encodeFailure, type Failure } from '../protocol/index.js';
import {
  CollectSink,
  LossBatch,
  readInputs,
  RunState,
  type DeadLetter,
  type NodeMetrics,
  type WatchLimits,
  type WrittenInputs,
} from '../segment/index.js';
import { withReceipts } from './receipts.js';
import { Replica } from './replica.js';

/** After a cancel the engine names a node whose `initialize` does not return; then those before it are cleaned up. */
const GIVE_UP_MS = 1000;

/** A segment as the engine describes it; see `schema/wire.md`. */
export interface SegmentDescription {
  readonly segment: string;
  readonly nodes: readonly (WrittenSettings & {
    readonly id: string;
    readonly object: number;
    /** Whether it is one of several copies, whose items have numbers. */
    readonly replica?: boolean;
    readonly inputs?: WrittenInputs;
  })[];
  readonly edges: readonly (readonly [from: string, to: string])[];
  readonly inputs: readonly {
    readonly channel: string;
    readonly token: string;
    readonly from: string;
    readonly to: readonly string[];
    readonly language: Language;
  }[];
  readonly outputs: readonly {
    readonly channel: string;
    readonly token: string;
    readonly from: string;
    readonly to: readonly string[];
    readonly address: string;
    readonly language: Language;
    readonly bulk: boolean;
  }[];
  readonly metrics: boolean;
  /** Whether items have tags, so that they can be interrupted. */
  readonly tagged?: boolean;
  /** Whether items that come to nothing are told. */
  readonly accounted?: boolean;
  readonly session?: string;
  readonly row?: readonly [string, number];
  /** How it is watched, and what whoever dials to report must show. */
  readonly watch?: WatchLimits & { readonly token: string };
  readonly cancelTimeoutMs: number;
  /** Whether items come with numbers, and receipts for them are wanted. */
  readonly receipts?: boolean;
}

/** What a segment needs of its host. */
export interface SegmentHome {
  readonly logger: Logger;
  /** Where the engine listens. */
  readonly address: string;
  nodeOf(object: number): AnyNode;
  emit(name: string, params: object): void;
}

/** What `close` answers. */
export interface Closing {
  readonly failures: readonly Failure[];
  readonly metrics: readonly NodeMetrics[] | null;
}

/** Here the segments run, on this event loop. */
const runner = new InProcessHost();

/** A segment that an engine has opened here, from `open` to `close`. */
export class HostedSegment {
  readonly id: string;
  readonly #description: SegmentDescription;
  readonly #home: SegmentHome;
  readonly #run: RunState;
  #segment: InProcessSegment | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isReported = false;
  /** What the engine knows of already. */
  #interruptedBefore = 0;
  #stuck: readonly string[] = [];
  /** There where somebody keeps account. */
  readonly #losses: LossBatch | undefined;

  constructor(description: SegmentDescription, home: SegmentHome) {
    this.id = description.segment;
    this.#description = description;
    this.#home = home;
    this.#run = new RunState(home.logger, description.metrics, description.tagged);
    this.#run.sessionId = description.session;
    this.#run.row = description.row;
    this.#run.onInterrupt = (before) => {
      if (before > this.#interruptedBefore) home.emit('interrupted', { segment: this.id, before });
    };
    this.#run.onDeadLetter = this.#tellDeadLetter.bind(this);
    if (description.accounted === true) {
      this.#losses = new LossBatch((losses) => {
        home.emit('losses', { segment: this.id, losses });
      });
      this.#run.onLoss = this.#losses.add;
    }
    this.#watch(description);
    this.#run.onInitialize = (nodeId) => {
      home.emit('initializing', { segment: this.id, nodeId });
    };
  }

  #watch({ segment, watch }: SegmentDescription): void {
    if (watch === undefined) return;
    const home = this.#home;
    this.#run.watch = {
      ...watch,
      isPrintedAtOnce: false,
      direct: { address: home.address, token: watch.token, segment },
      report: (report) => {
        home.emit('stuck', { segment, ...report });
      },
    };
  }

  /** Initializes the nodes, and expects the producers from then on. */
  async open(): Promise<void> {
    this.#run.enterRow();
    try {
      const segment = await this.#initialize();
      if (this.#run.isCancelled) {
        await segment.close();
        throw this.#run.signal.reason;
      }
      segment.assemble();
      this.#segment = segment;
    } catch (error) {
      this.#run.quitRow();
      throw error;
    }
  }

  async #initialize(): Promise<InProcessSegment> {
    try {
      return await runner.open(requestOf(this.#description, this.#run, this.#home));
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Connects the outputs and lets items in. */
  async start(): Promise<void> {
    if (this.#run.isCancelled) return;
    const segment = this.#opened();
    await segment.connect();
    this.#isStarted = true;
    segment.start();
    void segment.done.then(() => {
      this.#report([]);
    });
  }

  /** Something failed elsewhere. */
  stop(): void {
    this.#run.markFailed();
  }

  /** What was let in before this stamp is stale. */
  interrupt(before: number): void {
    this.#interruptedBefore = Math.max(before, this.#interruptedBefore);
    this.#run.interrupt(before);
  }

  /** These nodes go on in another segment: they do not flush at the end of this one. */
  keep(nodeIds: readonly string[]): void {
    this.#run.keep(nodeIds);
  }

  /** Gives up what runs, and reports it when that has ended or the time for it is over. */
  cancel(): void {
    if (this.#run.isCancelled) return;
    this.#run.cancel(new DOMException('The run was cancelled.', 'AbortError'));
    const { cancelTimeoutMs } = this.#description;
    const segment = this.#segment;
    if (segment === undefined) {
      this.#timer = setTimeout(() => {
        this.#run.giveUp();
      }, cancelTimeoutMs + GIVE_UP_MS);
    } else if (this.#isStarted) {
      this.#timer = setTimeout(() => {
        this.#report(segment.busy());
      }, cancelTimeoutMs);
    } else this.#report([]);
  }

  /** Cleans up; nodes that are stuck are left as they are. */
  async close(): Promise<Closing> {
    const segment = this.#opened();
    clearTimeout(this.#timer);
    const failures = (await segment.close()).map((failure) => encodeFailure(failure));
    this.#run.quitRow();
    return {
      failures: [...failures, ...this.#stuck.map(stuckFailure)],
      metrics: this.#run.isMetered ? segment.metrics() : null,
    };
  }

  #tellDeadLetter({ nodeId, itemIndex, item, error }: DeadLetter, stamp?: number): void {
    const letter = { segment: this.id, nodeId, itemIndex, stamp, failure: encodeFailure(error) };
    // An item that has a number is kept where that is known.
    const told = this.#description.receipts === true ? (item as [number, unknown])[0] : item;
    try {
      this.#home.emit('dead-letter', { ...letter, item: told });
    } catch (problem) {
      this.#home.logger.warn(
        `the item that node "${nodeId}" failed for stays here: ${describeCause(problem)}`,
      );
      this.#home.emit('dead-letter', letter);
    }
  }

  #report(stuck: readonly string[]): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#stuck = stuck;
    clearTimeout(this.#timer);
    this.#losses?.flush();
    const failures = this.#run.failures.map((failure) => encodeFailure(failure));
    this.#home.emit('done', { segment: this.id, failures, stuck });
  }

  #opened(): InProcessSegment {
    if (this.#segment !== undefined) return this.#segment;
    throw new RemoteMediaError('RM_PROTOCOL', `Segment "${this.id}" is not open yet.`);
  }
}

function stuckFailure(nodeId: string): Failure {
  const message = `Node "${nodeId}" has not returned: it is not cleaned up.`;
  const error = new RemoteMediaError('RM_CANCEL_TIMEOUT', message, { nodeId });
  return { ...encodeFailure(error), phase: 'cleanup' };
}

function requestOf(description: SegmentDescription, run: RunState, home: SegmentHome): SegmentRequest {
  const { segment: id, nodes, edges, inputs, outputs } = description;
  const placed = nodes.map(({ id: nodeId, object, inputs: _, replica, ...settings }) => {
    const node = home.nodeOf(object);
    applySettings(node, readSettings(settings));
    if (replica === true) return [nodeId, new Replica(node)] as const;
    return [nodeId, description.receipts === true ? withReceipts(node) : node] as const;
  });
  return {
    segment: {
      id,
      host: runner.name,
      nodes: placed.map(([nodeId]) => nodeId),
      edges: edges.map(([from, to]) => ({ from, to })),
      why: '',
    },
    nodes: new Map(placed),
    joined: new Map(
      nodes.flatMap(({ id: nodeId, inputs: before }) =>
        before === undefined ? [] : [[nodeId, readInputs(before)]],
      ),
    ),
    inputs: inputs.map(({ channel, token, from, to, language }) => ({
      ...channelOf(channel, token, from, to),
      producer: farEnd('', language, true),
      consumer: runner,
    })),
    outputs: outputs.map(({ channel, token, from, to, address, language, bulk }) => ({
      ...channelOf(channel, token, from, to),
      producer: runner,
      consumer: farEnd(address, language, bulk),
    })),
    run,
    // The ends of the pipeline are elsewhere.
    input: undefined,
    output: new CollectSink(),
    localEntries: new Map(),
  };
}

function channelOf(
  id: string,
  token: string,
  from: string,
  to: readonly string[],
): Omit<WiredChannel, 'producer' | 'consumer'> {
  return { id, token, from, to, fromSegment: '', toSegment: '' };
}

/** Whatever is at the other end of a channel: little is known of it here. */
function farEnd(address: string, language: Language, canShareMemory: boolean): Host {
  return {
    name: 'another host',
    language,
    canShareMemory,
    listen: () => Promise.resolve(address),
    open: () => Promise.reject(new Error('segments of another host are opened there')),
  };
}
