import type { CheckedQueue } from '../node/index.js';
import { Backlog, type Waiting } from './backlog.js';
import { Room } from './room.js';
import type { OnDrop, RunState } from './run-state.js';
import { Stage, type Upstream } from './stage.js';
import type { Tag } from './tag.js';

/** What comes by one edge, within the limits of that edge. */
export class EdgeQueue {
  readonly backlog: Backlog;
  readonly #room: Room = new Room();

  constructor(limits: CheckedQueue, onDrop: OnDrop | undefined) {
    this.backlog = new Backlog(limits, onDrop);
  }

  /** A promise where whoever gives more has to wait. */
  roomToWaitFor(): Promise<void> | undefined {
    return this.backlog.isFull ? this.#room.wait() : undefined;
  }

  /** Something has been taken, or dropped. */
  letIn(): void {
    if (!this.backlog.isFull) this.#room.free();
  }
}

/**
 * What waits for a node of which some edges have a queue of their own; all that comes by other edges is in one queue, as it would be without
 * them. Items leave in the order in which they came, whichever queue they are in, and urgent ones first.
 */
export class EdgeQueues {
  /** Most that waited at once, in all queues together. */
  maxDepth = 0;
  readonly #others: Backlog;
  readonly #byOrigin: ReadonlyMap<string, EdgeQueue>;
  readonly #all: readonly Backlog[];
  #came = 0;

  /**
   * @param limits - of what comes by other edges
   * @param queues - limits of edges, by the id of the node that gives
   * @param onDrop - called for each item that nobody takes
   */
  constructor(limits: CheckedQueue, queues: ReadonlyMap<string, CheckedQueue>, onDrop: OnDrop | undefined) {
    this.#others = new Backlog(limits, onDrop);
    this.#byOrigin = new Map([...queues].map(([from, own]) => [from, new EdgeQueue(own, onDrop)]));
    this.#all = [this.#others, ...[...this.#byOrigin.values()].map(({ backlog }) => backlog)];
  }

  /** The queue of an edge, where it has one. */
  of(from: string): EdgeQueue | undefined {
    return this.#byOrigin.get(from);
  }

  get length(): number {
    return this.#all.reduce((sum, { length }) => sum + length, 0);
  }

  /** Those that were dropped because of a limit. */
  get dropped(): number {
    return this.#all.reduce((sum, { dropped }) => sum + dropped, 0);
  }

  /** Whether who pushes by another edge has to wait before the next item. */
  get isFull(): boolean {
    return this.#others.isFull;
  }

  /** Adds an item, to the queue of its edge where that has one. */
  push(value: unknown, tag: Tag | undefined, queue?: EdgeQueue): void {
    (queue?.backlog ?? this.#others).push(value, tag, this.#came++);
    this.maxDepth = Math.max(this.maxDepth, this.length);
  }

  /** Takes the first item of all. */
  shift(): Waiting | undefined {
    let first: Waiting | undefined;
    let place: Backlog | undefined;
    for (const backlog of this.#all) {
      const head = backlog.peek();
      if (head === undefined || (first !== undefined && !goesBefore(head, first))) continue;
      first = head;
      place = backlog;
    }
    place?.shift();
    this.#letIn();
    return first;
  }

  /** Drops what has become stale. */
  interrupt(run: RunState): void {
    for (const backlog of this.#all) backlog.interrupt(run);
    this.#letIn();
  }

  /** Drops everything, which counts as no drop. */
  clear(): void {
    for (const backlog of this.#all) backlog.clear();
    this.#letIn();
  }

  #letIn(): void {
    for (const queue of this.#byOrigin.values()) queue.letIn();
  }
}

/** Whether an item leaves before another one that waits in another queue. */
export function goesBefore(one: Waiting, other: Waiting): boolean {
  const [isUrgent, isOtherUrgent] = [one.tag?.urgent === true, other.tag?.urgent === true];
  return isUrgent === isOtherUrgent ? one.order < other.order : isUrgent;
}

/** A stage with {@link EdgeQueues}. */
interface EdgeTaker extends Stage {
  pushBy(queue: EdgeQueue, item: unknown): Promise<void> | undefined;
}

/** Where the items of an edge go that has a queue of its own. */
export class EdgeStage extends Stage implements Upstream {
  readonly #target: EdgeTaker;
  readonly #queue: EdgeQueue;

  constructor(target: EdgeTaker, queue: EdgeQueue) {
    super();
    this.#target = target;
    this.#queue = queue;
    target.addUpstream(this);
  }

  push(item: unknown): Promise<void> | undefined {
    return this.#target.pushBy(this.#queue, item);
  }

  downstreamStopped(_stage: Stage, isFailure: boolean): void {
    this.stopUpstreams(isFailure);
  }

  protected finish(): Promise<void> {
    return this.#target.end();
  }
}
