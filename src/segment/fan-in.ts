import { RemoteMediaError } from '../errors/index.js';
import type { CheckedFanIn, CheckedQueue } from '../node/index.js';
import { Backlog, type Waiting } from './backlog.js';
import { goesBefore } from './edge-queues.js';
import { Room } from './room.js';
import type { Legacy } from './row.js';
import type { OnDrop, RunState } from './run-state.js';
import { Stage, type Upstream } from './stage.js';
import { newTag, type Tag } from './tag.js';
import { timestampOf } from './timestamps.js';

/** Several inputs of one node. */
export interface FanInRequest {
  readonly nodeId: string;
  readonly fanIn: CheckedFanIn;
  /** Ids of what comes before the node, in the order of the lists that it gets. */
  readonly ids: readonly string[];
  /** Of each input that states none of its own. */
  readonly limits: CheckedQueue;
  /** Of the others. */
  readonly queues: ReadonlyMap<string, CheckedQueue>;
  /** Whether inputs come from the same node somewhere before: one that is made to wait may keep the others from coming. */
  readonly isForked: boolean;
}

/** One item of each input, `undefined` where there is none; or items have been taken that make no list, and there may be more. */
type List = (Waiting | undefined)[] | 'nothing';

/** Items that wait for those of a forked input before the run fails. */
const MOST_FORKED = 65_536;

/** Brings items of several inputs together for one node, in lists. */
export class FanInStage implements Upstream {
  /** Items that have come to nothing, because no others fitted. */
  unmatched = 0;
  readonly #request: FanInRequest;
  readonly #inlets: readonly Inlet[];
  readonly #downstream: Stage;
  readonly #run: RunState;
  #open: number;
  #isOver = false;
  /** How many items have come. */
  #came = 0;
  /** There while the node has no room for another list: settles when it has, and all has been given that is complete by then. */
  #held: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ending: Promise<void> | undefined;

  constructor(request: FanInRequest, downstream: Stage, run: RunState) {
    this.#request = request;
    this.#downstream = downstream;
    this.#run = run;
    this.#open = request.ids.length;
    const onDrop = run.lossesAt(request.nodeId);
    this.#inlets = request.ids.map((id) => new Inlet(this, limitsOf(request, id), onDrop));
    downstream.addUpstream(this);
    run.addMortal(this);
    run.addStarter(this);
  }

  /** Goes on with what waited for others when the session was changed. */
  begin(): void {
    const legacy = this.#run.inherit(this.#request.nodeId);
    if (!(legacy instanceof WaitingInputs)) return;
    for (const [index, inlet] of this.#inlets.entries()) inlet.takeOver(legacy.inlets[index] as Inlet);
    this.#came = legacy.came;
    this.interrupt();
    this.#setTimer();
  }

  /** Where the items of one input go. */
  inlet(from: string): Stage {
    const inlet = this.#inlets[this.#request.ids.indexOf(from)];
    if (inlet === undefined) throw new Error(`"${from}" is no input of "${this.#request.nodeId}"`);
    return inlet;
  }

  /** Items that were dropped because of the limits, or because no others fitted. */
  get dropped(): number {
    return this.#inlets.reduce((sum, { backlog }) => sum + backlog.dropped, this.unmatched);
  }

  /** Takes an item of an input; a promise where whoever gives more of it has to wait. */
  take(inlet: Inlet, value: unknown): Promise<void> | undefined {
    if (this.#isOver) {
      this.#run.lose(this.#request.nodeId, this.#run.tag);
      return undefined;
    }
    inlet.backlog.push(value, this.#run.tag, this.#came++);
    this.#match(inlet);
    // Where nothing comes any more, all has been dropped.
    if (inlet.backlog.isFull) return inlet.room.wait();
    // Of a queue that drops nobody waits until the node has room.
    return inlet.isBlocking ? this.#held : undefined;
  }

  /** An input has ended. */
  async ended(): Promise<void> {
    this.#open--;
    this.#match();
    while (this.#held !== undefined) await this.#held;
    if (this.#isKept) {
      if (this.#open === 0) await this.#pass();
      return;
    }
    if (this.#open === 0 || this.#canGiveNoMore()) await this.#end();
  }

  /** Whether the node goes on: nothing waits in vain, as more of each input will come. */
  get #isKept(): boolean {
    return this.#run.isKept(this.#request.nodeId);
  }

  /** Leaves what waits to the next run. */
  async #pass(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#isOver && this.#ending === undefined)
      this.#run.leave(this.#request.nodeId, new WaitingInputs(this.#inlets, this.#came));
    await this.#endOnce();
  }

  downstreamStopped(_stage: Stage, isFailure: boolean): void {
    this.die();
    for (const inlet of this.#inlets) inlet.stop(isFailure);
  }

  die(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const { backlog, room } of this.#inlets) {
      backlog.clear();
      room.free();
    }
  }

  interrupt(): void {
    for (const inlet of this.#inlets) {
      inlet.backlog.interrupt(this.#run);
      if (this.#run.isStale(inlet.latest?.tag)) inlet.latest = undefined;
      inlet.letIn();
    }
  }

  /** Gives what is complete by now and finds room; what finds none waits in the queues of the inputs. Never throws. */
  #match(came?: Inlet): void {
    clearTimeout(this.#timer);
    try {
      this.#giveAll();
      if (came !== undefined) this.#checkForked(came);
    } catch (error) {
      this.#run.fail(error as Error);
      this.downstreamStopped(this.#downstream, true);
    }
  }

  #giveAll(): void {
    while (this.#held === undefined) {
      const list = this.#next();
      if (list === undefined) {
        this.#setTimer();
        return;
      }
      if (list === 'nothing') continue;
      const wait = this.#give(list);
      if (wait === undefined) continue;
      this.#held = wait.then(() => {
        this.#held = undefined;
        this.#match();
      });
    }
  }

  #next(): List | undefined {
    const { policy } = this.#request.fanIn;
    if (policy === 'latest') return this.#nextLatest();
    return policy === 'zip' ? this.#nextZipped() : this.#nextInTime();
  }

  #nextLatest(): List | undefined {
    const [first] = this.#inlets
      .flatMap((inlet) => ({ inlet, head: inlet.backlog.peek() }))
      .filter((each): each is { inlet: Inlet; head: Waiting } => each.head !== undefined)
      .sort((one, other) => (goesBefore(one.head, other.head) ? -1 : 1));
    if (first === undefined) return undefined;
    first.inlet.latest = first.inlet.take();
    const list = this.#inlets.flatMap(({ latest }) => latest ?? []);
    return list.length === this.#inlets.length ? list : 'nothing';
  }

  #nextZipped(): List | undefined {
    const heads = this.#inlets.map(({ backlog }) => backlog.peek());
    if (heads.every((head) => head !== undefined)) return this.#inlets.map((inlet) => inlet.take());
    return this.#nextIncomplete(heads);
  }

  /** The first items whose times fit; those that nothing can fit any more go before. */
  #nextInTime(): List | undefined {
    const { toleranceUs } = this.#request.fanIn;
    const heads = this.#inlets.map(({ backlog }) => backlog.peek());
    const times = heads.map((head) => (head === undefined ? undefined : this.#timeOf(head)));
    const known = times.filter((time) => time !== undefined);
    if (known.length === 0) return undefined;
    const newest = Math.max(...known);
    // The times of an input rise: what is older than the newest by more than that will find nothing.
    const isLate = times.map((time) => time !== undefined && time < newest - toleranceUs);
    if (isLate.includes(true)) {
      const oldest = Math.min(...known);
      return this.#giveUp(
        (index) => isLate[index] === true && (times[index] as number) <= oldest + toleranceUs,
      );
    }
    if (known.length === heads.length) return this.#inlets.map((inlet) => inlet.take());
    return this.#nextIncomplete(heads);
  }

  /** What has waited too long, or waits for an input that has ended. */
  #nextIncomplete(heads: readonly (Waiting | undefined)[]): List | undefined {
    if (heads.every((head) => head === undefined)) return undefined;
    const isVain =
      !this.#isKept && this.#inlets.some((inlet, index) => inlet.hasEnded && heads[index] === undefined);
    if (!isVain && !this.#hasWaitedLong()) return undefined;
    return this.#giveUp((index) => heads[index] !== undefined);
  }

  #hasWaitedLong(): boolean {
    const { maxWaitMs } = this.#request.fanIn;
    if (maxWaitMs === undefined) return false;
    const now = performance.now();
    return this.#inlets.some((inlet) => now - (inlet.waitingSince(now) ?? now) >= maxWaitMs);
  }

  /** Takes the first items of some inputs out: as a list with gaps, or to be dropped. */
  #giveUp(isTaken: (index: number) => boolean): List {
    const list = this.#inlets.map((inlet, index) => (isTaken(index) ? inlet.take() : undefined));
    if (this.#request.fanIn.incomplete === 'pass') return list;
    for (const item of list) {
      if (item === undefined) continue;
      this.unmatched++;
      this.#run.lose(this.#request.nodeId, item.tag, 'dropped');
    }
    return 'nothing';
  }

  #give(list: readonly (Waiting | undefined)[]): Promise<void> | undefined {
    this.#run.tag = this.#run.isTagged ? jointTag(list) : undefined;
    return this.#downstream.push(list.map((item) => (item === undefined ? null : item.value)));
  }

  #timeOf({ value, tag }: Waiting): number {
    const time = timestampOf(value, tag);
    if (time !== undefined) return time;
    throw new RemoteMediaError(
      'RM_NO_TIMESTAMP',
      `Node "${this.#request.nodeId}" brings its inputs together by time, and an item has none. Write items with { timestampUs }, give media with a timestampUs, or set context.timestampUs in a node before it.`,
      { nodeId: this.#request.nodeId },
    );
  }

  #setTimer(): void {
    const { maxWaitMs } = this.#request.fanIn;
    if (maxWaitMs === undefined || this.#isOver) return;
    const now = performance.now();
    const since = this.#inlets.map((inlet) => inlet.waitingSince(now)).filter((time) => time !== undefined);
    if (since.length === 0) return;
    const left = Math.max(1, Math.min(...since) + maxWaitMs - now);
    this.#timer = setTimeout(() => {
      this.#match();
    }, left);
  }

  /** Whether an input has ended of which nothing waits, and the others would wait for it. */
  #canGiveNoMore(): boolean {
    const { policy, incomplete } = this.#request.fanIn;
    if (policy === 'latest')
      return this.#inlets.some(
        ({ hasEnded, latest, backlog }) => hasEnded && latest === undefined && backlog.length === 0,
      );
    return (
      incomplete === 'drop' && this.#inlets.some(({ hasEnded, backlog }) => hasEnded && backlog.length === 0)
    );
  }

  #checkForked(inlet: Inlet): void {
    if (!this.#request.isForked || inlet.backlog.length < MOST_FORKED) return;
    const { nodeId, ids } = this.#request;
    const missing = ids.filter((_, index) => this.#inlets[index]?.backlog.length === 0);
    throw new RemoteMediaError(
      'RM_QUEUE_FULL',
      `Node "${nodeId}" brings its inputs together: ${String(MOST_FORKED)} items wait, and none of ${missing.join(', ')} has come. Let that node give something for every item, or give fanIn a maxWaitMs.`,
      { nodeId },
    );
  }

  async #end(): Promise<void> {
    if (this.#isOver) {
      if (this.#open === 0) await this.#endOnce();
      return;
    }
    this.unmatched += this.#inlets.reduce((sum, { backlog }) => sum + backlog.length, 0);
    this.die();
    for (const inlet of this.#inlets) inlet.stop(false);
    await this.#endOnce();
  }

  #endOnce(): Promise<void> {
    return (this.#ending ??= this.#downstream.end());
  }
}

/** What waits at the place of a node, each item for those of other inputs. */
class WaitingInputs implements Legacy {
  readonly inlets: readonly Inlet[];
  /** How many items have come. */
  readonly came: number;
  constructor(inlets: readonly Inlet[], came: number) {
    this.inlets = inlets;
    this.came = came;
  }
  drop(): void {
    for (const { backlog } of this.inlets) backlog.clear();
  }
}

/** One input. */
class Inlet extends Stage {
  readonly backlog: Backlog;
  readonly room: Room = new Room();
  /** Of `latest`: what came last. */
  latest: Waiting | undefined;
  hasEnded = false;
  /** Whether those before it are to wait, and not to lose items. */
  readonly isBlocking: boolean;
  readonly #fanIn: FanInStage;
  #headSince: number | undefined;

  constructor(fanIn: FanInStage, limits: CheckedQueue, onDrop: OnDrop | undefined) {
    super();
    this.#fanIn = fanIn;
    this.backlog = new Backlog(limits, onDrop);
    this.isBlocking = limits.whenFull === 'block';
  }

  push(item: unknown): Promise<void> | undefined {
    return this.#fanIn.take(this, item);
  }

  /** Takes the first item. */
  take(): Waiting | undefined {
    const item = this.backlog.shift();
    this.#headSince = undefined;
    this.letIn();
    return item;
  }

  /** Goes on with what waits in that of the run before. */
  takeOver(before: Inlet): void {
    this.backlog.takeOver(before.backlog);
    this.latest = before.latest;
    this.#headSince = before.#headSince;
  }

  letIn(): void {
    if (!this.backlog.isFull) this.room.free();
  }

  /** Since when the first item waits as the first one, in milliseconds; `undefined` where none does. */
  waitingSince(now: number): number | undefined {
    this.#headSince = this.backlog.length === 0 ? undefined : (this.#headSince ?? now);
    return this.#headSince;
  }

  /** Those before it need not give more. */
  stop(isFailure: boolean): void {
    this.stopUpstreams(isFailure);
  }

  protected finish(): Promise<void> {
    this.hasEnded = true;
    return this.#fanIn.ended();
  }
}

/** Of an input. One that is made to wait may keep the others from coming that it waits for, where they come from the same node. */
function limitsOf({ limits, queues, isForked }: FanInRequest, id: string): CheckedQueue {
  const stated = queues.get(id) ?? limits;
  if (!isForked || stated.whenFull !== 'block') return stated;
  return { ...stated, maxItems: Math.max(stated.maxItems, MOST_FORKED), maxBytes: undefined };
}

/** A list is as new as the newest of its items. */
function jointTag(list: readonly (Waiting | undefined)[]): Tag {
  const tags = list.flatMap((item) => item?.tag ?? []);
  const [first = newTag()] = tags;
  const newest = tags.reduce((best, tag) => (tag.stamp > best.stamp ? tag : best), first);
  return {
    ...newest,
    survives: tags.some(({ survives }) => survives),
    urgent: tags.some(({ urgent }) => urgent === true),
  };
}
