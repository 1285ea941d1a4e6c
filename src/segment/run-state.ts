import { setMaxListeners } from 'node:events';
import type { Logger } from '../logging/index.js';
import { zeros, type DType, type Tensor } from '../data/index.js';
import type { NodeError } from '../errors/index.js';
import type { DeadLetter, TakeDeadLetter } from './dead-letter.js';
import type { LossReason, OnLoss } from './loss.js';
import { Row, type Legacy } from './row.js';
import type { RunWatch } from './stuck.js';
import type { Tag } from './tag.js';

/** Takes the tag of an item that a queue drops, and why, where that is known there. */
export type OnDrop = (tag: Tag | undefined, reason?: LossReason) => void;

/** Something that lets items into a run, and can stop doing so. */
export interface Feeder {
  /** Lets no new item in. */
  stop(): void;
  /** The run ends by a change: lets no new item in, and where it goes on in the next run, leaves it what is open. */
  pass?(): void;
}

/** Something that begins with its run. */
export interface Starter {
  /** Items may come from now on, and what the run before has left is there. */
  begin(): void;
}

/** Something that holds items. */
export interface Mortal {
  /** Takes no more, and drops what it holds. */
  die(): void;
  /** Drops what has become stale. */
  interrupt?(): void;
}

/** What all stages of one run share; also the token that says which run holds an instance. */
export class RunState {
  readonly logger: Logger;
  /** Whether durations are measured. */
  readonly isMetered: boolean;
  /** Everything that failed, in the order in which it did. */
  readonly failures: unknown[] = [];
  /** Something failed: no new items, no flush. */
  hasFailed = false;
  /** Cancelled: queued items are dropped as well. */
  isCancelled = false;
  /** Why, once it is. */
  cancelReason: unknown;
  /** The node whose `initialize` is running. */
  initializing: string | undefined;
  /** Called before `initialize` of each node. */
  onInitialize: ((nodeId: string) => void) | undefined;
  /** Called once, at the first failure. */
  onFailure: (() => void) | undefined;
  /** Called where segments wait for one that never began: nothing will come, or be taken. */
  onBroken: (() => void) | undefined;
  /** Makes tensors for nodes: in shared memory, where a segment of this run gives its outputs to another process. */
  allocate: (dtype: DType, shape: readonly number[]) => Tensor = zeros;
  /** In a session: what the item has that is on its way now. Whoever pushes an item sets it before. */
  tag: Tag | undefined;
  /** Whether items have tags, so that what is under way can be interrupted. */
  readonly isTagged: boolean;
  /** Called when items that were let in before this stamp have become stale. */
  onInterrupt: ((before: number) => void) | undefined;
  /** Called for each item that a failure policy gives up; without it they are logged. */
  onDeadLetter: TakeDeadLetter | undefined;
  /** Called for each item that has come to nothing, where somebody keeps account. */
  onLoss: OnLoss | undefined;
  /** How many there were. */
  deadLetters = 0;
  /** Which runs of a session follow each other, and the position of this one among them. */
  row: readonly [id: string, position: number] | undefined;
  /** How it is watched, where it is; set before its stages are made. */
  watch: RunWatch | undefined;
  /** The node whose `cleanup` is running. */
  cleaningUp: string | undefined;
  #givenUp: Promise<void> | undefined;
  #giveUp: () => void = () => undefined;
  /** Made when somebody asks for the signal. */
  #controller: AbortController | undefined;
  #feeders: readonly Feeder[] = [];
  readonly #mortals: Mortal[] = [];
  #sessionId: string | undefined;
  #starters: readonly Starter[] = [];
  #row: Row | undefined;
  #staleBefore = 0;
  /** Ids of nodes that go on in another run of the session when this one has ended. */
  #kept: ReadonlySet<string> | undefined;
  #interruption: DOMException | undefined;

  constructor(logger: Logger, isMetered: boolean, isTagged = false) {
    this.logger = logger;
    this.isMetered = isMetered;
    this.isTagged = isTagged;
  }

  /** The same in all hosts. */
  get sessionId(): string {
    return (this.#sessionId ??= crypto.randomUUID());
  }

  set sessionId(id: string | undefined) {
    this.#sessionId = id;
  }

  /** Aborts when the run is cancelled. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // Of each call that is under way somebody may listen.
      setMaxListeners(0, this.#controller.signal);
      if (this.isCancelled) this.#controller.abort(this.cancelReason);
    }
    return this.#controller.signal;
  }

  /** Whether nodes may still flush. */
  get canFlush(): boolean {
    return !this.hasFailed && !this.isCancelled;
  }

  /** Whether this node may still flush: what goes on in another run of the session does not. */
  mayFlush(nodeId: string): boolean {
    return this.canFlush && !this.isKept(nodeId);
  }

  /** The run ends by a change of its session: these nodes go on in another run. */
  keep(nodeIds: readonly string[]): void {
    this.#kept = new Set(nodeIds);
    for (const feeder of this.#feeders) feeder.pass?.();
  }

  /** Whether a node goes on in another run. */
  isKept(nodeId: string): boolean {
    return this.#kept?.has(nodeId) === true;
  }

  /** The run is opened; to be called where it has a row, and {@link RunState.quitRow} once it is closed. */
  enterRow(): void {
    if (this.row !== undefined) this.#row = Row.enter(this.row[0]);
  }

  /** What holds nodes that serve one run at a time: the runs of one session together. */
  get claimant(): object {
    return this.#row ?? this;
  }

  /** The run is closed. */
  quitRow(): void {
    this.#row?.quit();
    this.#row = undefined;
  }

  /** Leaves something of a node that is kept to the next run. */
  leave(nodeId: string, legacy: Legacy): void {
    if (this.#row === undefined) legacy.drop();
    else this.#row.leave(nodeId, legacy);
  }

  /** What the run before has left of a node. */
  inherit(nodeId: string): Legacy | undefined {
    return this.#row?.take(nodeId);
  }

  /** Adds what begins with the run. */
  addStarter(starter: Starter): void {
    this.#starters = this.#starters.concat(starter);
  }

  /** Items may come from now on. May be called again. */
  begin(): void {
    const starters = this.#starters;
    this.#starters = [];
    for (const starter of starters) starter.begin();
  }

  addFeeder(feeder: Feeder): void {
    // A push would reserve room for many: most runs have one.
    this.#feeders = this.#feeders.concat(feeder);
    if (this.hasFailed || this.isCancelled) feeder.stop();
    if (this.#kept !== undefined) feeder.pass?.();
  }

  removeFeeder(feeder: Feeder): void {
    this.#feeders = this.#feeders.filter((other) => other !== feeder);
  }

  /** Adds what has to die when the run is cancelled. */
  addMortal(mortal: Mortal): void {
    this.#mortals.push(mortal);
  }

  /** Notes a failure: nothing new comes in, what is under way is finished, nothing flushes. */
  fail(failure: NodeError | Error): void {
    this.failures.push(failure);
    this.markFailed();
  }

  /** Notes that an item has come to nothing at a node; without a reason because it is stale, or nobody wants it any more. */
  lose(nodeId: string, tag: Tag | undefined, reason?: LossReason): void {
    if (this.onLoss === undefined || tag === undefined) return;
    this.onLoss(nodeId, tag.stamp, reason ?? (this.isStale(tag) ? 'interrupted' : 'ended'));
  }

  /** What a queue in front of a node calls for each item that it drops; there only where somebody keeps account. */
  lossesAt(nodeId: string): OnDrop | undefined {
    return this.onLoss === undefined ? undefined : this.lose.bind(this, nodeId);
  }

  /** Notes an item that a failure policy gives up; with the stamp that it has in a session. */
  giveUpItem(letter: DeadLetter, stamp: number | undefined): void {
    this.deadLetters++;
    if (this.onDeadLetter === undefined) {
      this.logger.warn(`${letter.error.message}; the item was skipped`);
      return;
    }
    try {
      this.onDeadLetter(letter, stamp);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  /** Notes that a segment could not begin: others would wait for it for ever. */
  breakOff(error: Error): void {
    this.fail(error);
    this.onBroken?.();
  }

  /** Something failed elsewhere, and is told by whoever it failed. */
  markFailed(): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.#stopFeeders();
    this.onFailure?.();
  }

  /** Why work is aborted that the last interruption made stale. */
  get interruption(): DOMException {
    return (this.#interruption ??= new DOMException('The session was interrupted.', 'AbortError'));
  }

  /** Whether an item was let in before the last interruption, and does not survive it. */
  isStale(tag: Tag | undefined): boolean {
    return tag !== undefined && tag.stamp < this.#staleBefore && !tag.survives;
  }

  /** Everything that was let in before becomes stale: what of it waits is dropped, what runs is aborted, what it leads to is discarded. */
  interrupt(before: number): void {
    if (!this.isTagged || before <= this.#staleBefore) return;
    this.#staleBefore = before;
    this.#interruption = undefined;
    for (const mortal of this.#mortals) mortal.interrupt?.();
    this.onInterrupt?.(before);
  }

  /** Drops what is queued, aborts what is running. */
  cancel(reason: unknown): void {
    if (this.isCancelled) return;
    this.isCancelled = true;
    this.cancelReason = reason;
    this.#stopFeeders();
    for (const mortal of this.#mortals) mortal.die();
    this.#controller?.abort(reason);
  }

  /** Resolves when what is running now has had its time after a cancel: nobody waits for it any longer. */
  get givenUp(): Promise<void> {
    return (this.#givenUp ??= new Promise((resolve) => (this.#giveUp = resolve)));
  }

  /** Nobody waits any longer for what is running now. */
  giveUp(): void {
    this.#giveUp();
    this.#givenUp = undefined;
  }

  #stopFeeders(): void {
    for (const feeder of this.#feeders) feeder.stop();
  }
}
