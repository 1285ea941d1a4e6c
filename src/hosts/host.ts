import { existsSync } from 'node:fs';
import type { AnyNode, Items } from '../node/index.js';
import type { InFlight } from '../channels/index.js';
import type { Channel, Segment } from '../plan/index.js';
import type { DeadLetter, NodeInputs, NodeMetrics, RunState, Stage } from '../segment/index.js';

/** What nodes are written in. */
export type Language = 'python' | 'typescript';

/** A channel of one run, with what its two ends need. */
export interface WiredChannel extends Channel {
  /** Random; whoever dials must show it. */
  readonly token: string;
  /** The host in which the consumer runs. */
  readonly consumer: Host;
  /** The host in which the producer runs. */
  readonly producer: Host;
  /** Whether both ends of it pass on, or write and read, items of Python that nobody here can read. @defaultValue false */
  readonly isSealed?: boolean;
}

/** A segment of one run, with what a host needs to open it. */
export interface SegmentRequest {
  readonly segment: Segment;
  /** The nodes by id; the ends of the pipeline are not among them. */
  readonly nodes: ReadonlyMap<string, AnyNode>;
  /** What comes before those nodes whose inputs are brought together. */
  readonly joined: ReadonlyMap<string, NodeInputs>;
  readonly inputs: readonly WiredChannel[];
  readonly outputs: readonly WiredChannel[];
  readonly run: RunState;
  /** The run's input, where the segment holds it. */
  readonly input: Items<unknown> | undefined;
  /** Where the run's outputs go, where the segment holds it. */
  readonly output: Stage;
  /** Entries of segments in this process, by channel: such channels need no wire. */
  readonly localEntries: Map<string, Stage>;
  /** There where the host may be started again. */
  readonly keeper?: Keeper | undefined;
}

/** What starts the host of a segment again, and keeps what is in it. */
export interface Keeper {
  /** The host has died with the segment open, or opening: the run fails only if the keeper makes it. */
  hostDied(error: Error): void;
  /** The same letter, with the item of the number that it came with. */
  ofLetter(letter: DeadLetter): DeadLetter;
  /** In the host items have come to nothing that come from the input with this stamp. */
  lost(stamp: number): void;
}

/** A segment whose nodes are initialized. */
export interface OpenSegment {
  /** Connects stages and channels; called from the last segment to the first. */
  connect(): Promise<void> | undefined;
  /** Lets items in; called from the last segment to the first. */
  start(): Promise<void> | undefined;
  /** Resolves when everything has been processed or given up; failures go to the run. Never rejects. */
  readonly done: Promise<void>;
  /** Lets no new items in. */
  stop(): void;
  /** Drops what is queued and aborts what is running. */
  cancel(): void;
  /** What was let in before this stamp is stale; see {@link RunState.interrupt}. */
  interrupt(before: number): void;
  /** These nodes go on in another run: they do not flush at the end of this one. Resolves once that is known where they run; never rejects. */
  keep(nodeIds: readonly string[]): Promise<void>;
  /** Ids of nodes whose code has not returned. */
  busy(): readonly string[];
  /** Cleans up the nodes in reverse order; gives what failed in doing so. Never rejects. */
  close(): Promise<readonly unknown[]>;
  metrics(): readonly NodeMetrics[];
}

/** Where segments run. */
export interface Host {
  /** Name in plans and errors. */
  readonly name: string;
  /** What its nodes are written in; between hosts of one language items keep types that only that language has. */
  readonly language: Language;
  /** Whether it is on this machine, so that bulk bytes may go through shared memory. */
  readonly canShareMemory: boolean;
  /** Whether it has ended, or is about to. @defaultValue false */
  readonly isDead?: boolean;
  /** What is in it, where it may be started again. */
  readonly inFlight?: InFlight;
  /** Calls `listener` when a host that can die has died; gives a function that takes that back, as every run must. */
  watchDeath?(listener: (error: Error) => void): () => void;
  /** The address at which its incoming channels are dialled. */
  listen(): Promise<string>;
  /**
   * Makes a segment ready: its nodes are initialized in order.
   *
   * @throws NodeError with phase `initialize` after the nodes before it have been cleaned up.
   */
  open(request: SegmentRequest): Promise<OpenSegment> | OpenSegment;
}

/** The host in which a node lives, where it is not this process. */
export function hostOf(node: AnyNode): Host | undefined {
  return (node as { readonly '~host'?: Host })['~host'];
}

const replicas = new WeakSet<AnyNode>();

/**
 * Makes a node in another host one of several copies: its items come with numbers there, and how they come to it, and what is to happen where it
 * fails or is full, is a matter of the stage that has the copies.
 */
export function makeReplica(node: AnyNode): void {
  replicas.add(node);
  node.failurePolicy = undefined;
  node.inputQueue = undefined;
  node.fanIn = undefined;
}

/** Whether a node is one of several copies. */
export function isReplica(node: AnyNode): boolean {
  return replicas.has(node);
}

let hasOpenFiles: boolean | undefined;

/** Whether bulk bytes of a channel go through shared memory: both ends are on this machine, and one can open what the other has open. */
export function isBulk({
  producer,
  consumer,
  isSealed,
}: Pick<WiredChannel, 'producer' | 'consumer' | 'isSealed'>): boolean {
  hasOpenFiles ??= existsSync('/proc/self/fd');
  return hasOpenFiles && isSealed !== true && producer.canShareMemory && consumer.canShareMemory;
}
