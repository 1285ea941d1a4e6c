import { RemoteMediaError } from '../errors/index.js';
import { listener, unexpectedFrame, type Connection, type ConnectionHandler } from '../protocol/index.js';
import { Pace, type RunState, type Stage, type Tag, type Upstream } from '../segment/index.js';
import { SlabTable, type Statement } from '../slabs/index.js';
import { FRAME, type Frame } from '../wire/index.js';
import type { Borrowers } from './borrowers.js';
import { LAST_FRAMES_MS, openReceipts, type InFlight, type ResumableEnd } from './in-flight.js';
import { readTags } from './tags.js';
import { windowOf } from './window.js';

/** Items that came in one frame. */
interface Items {
  readonly items: readonly unknown[];
  /** In a session. */
  readonly tags: readonly Tag[] | undefined;
  readonly byteLength: number;
  /** Where their credit goes. */
  readonly from: Connection | undefined;
}

/** The payload of END. */
interface End {
  readonly failed?: boolean;
}

/** What came, and has not been taken yet. */
type Arrival = Items | { readonly end: End };

/** What a receiver needs to know of its channel. */
export interface ReceiverRequest {
  readonly id: string;
  readonly token: string;
  /** Name of the producer's host, for messages. */
  readonly producer: string;
  /** The first of what it feeds. */
  readonly to: string;
  /** Whether several nodes get each item. */
  readonly isShared: boolean;
  /** Whether items may go on to other hosts. */
  readonly canPassOn: boolean;
  /** Told of items whose bytes are only lent until a node is done with them; without it each item has its own. */
  readonly borrowers: Borrowers | undefined;
  /** What is in a producer that may be started again. */
  readonly inFlight?: InFlight | undefined;
}

/** The consuming end of a channel: pushes what comes into a stage, and gives credit back as it is taken. */
export class ChannelReceiver implements Upstream, ConnectionHandler, ResumableEnd {
  readonly #id: string;
  readonly #to: string;
  readonly #producer: string;
  readonly #target: Stage;
  readonly #run: RunState;
  readonly #window: ReturnType<typeof windowOf>;
  readonly #frames: Arrival[] = [];
  /** What the items of the next frame have. */
  #tags: readonly Tag[] | undefined;
  readonly #slabs: SlabTable;
  readonly #borrowers: Borrowers | undefined;
  readonly #inFlight: InFlight | undefined;
  #uninvite: () => void;
  /** Waited for until the connection to a producer that has died is closed. */
  #onClosed: (() => void) | undefined;
  readonly #pace: Pace = new Pace();
  #connection: Connection | undefined;
  /** What comes before the segment has started waits: its own outputs may not be connected yet. */
  #isBusy = true;
  #isFinished = false;
  /** END has come, and may still wait. */
  #hasEnd = false;
  /** The connection was closed before END. */
  #isLost = false;
  #itemsDone = 0;
  /** Items of the frame under way that have been taken, and for which no credit has been given. */
  #underWay = 0;
  #bytesDone = 0;
  /** Of the items that credit is given for next, those that nobody has seen. */
  #staleDone = 0;
  #finish: () => void = () => undefined;
  readonly #finished: Promise<void>;

  constructor(request: ReceiverRequest, target: Stage, run: RunState) {
    this.#id = request.id;
    this.#to = request.to;
    this.#producer = request.producer;
    this.#target = target;
    this.#run = run;
    this.#window = windowOf(run);
    this.#borrowers = request.borrowers;
    this.#slabs = new SlabTable({
      isShared: request.isShared,
      canPassOn: request.canPassOn,
      isBorrowed: request.borrowers !== undefined,
      sendReturns: (pairs) => this.#connection?.send(FRAME.RETURN, pairs),
    });
    this.#finished = new Promise((resolve) => (this.#finish = resolve));
    this.#inFlight = request.inFlight;
    this.#inFlight?.addReceiver(request.id, this);
    this.#uninvite = this.#invite(request.token);
    target.addUpstream(this);
    run.addMortal(this);
  }

  /** Expects the producer; gives a function that takes that back. */
  #invite(token: string): () => void {
    return listener.expect(token, (connection) => {
      connection.keepAlive(true);
      this.#connection = connection;
      connection.slices = this.#slabs;
      // The stage had enough before this producer was there.
      if (this.#isFinished || this.#hasEnd) this.#dismiss();
      return this;
    });
  }

  /** Takes the invitation of the producer back: the segment is closed. */
  forget(): void {
    this.#uninvite();
  }

  /**
   * The producer's host has died. A connection that is there ends by itself; one that was on its way gets its chance to arrive; without
   * one nothing will come any more.
   */
  async producerDied(): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    if (this.#connection === undefined && !this.#isFinished) this.#close();
  }

  /** Resolves once everything that came has been pushed, and the stage and all that is downstream of it have finished. Never rejects. */
  async feed(): Promise<void> {
    this.#isBusy = false;
    this.#takeWaiting();
    await this.#finished;
    await this.#target.end();
  }

  onFrame(frame: Frame): void {
    // A host that was started again does not know what the one before it had ended.
    if (this.#isFinished || (this.#hasEnd && this.#inFlight !== undefined)) return;
    if (frame.kind === FRAME.SLAB) {
      this.#slabs.announce(frame.payload);
      return;
    }
    if (frame.kind === FRAME.FORGET) {
      this.#slabs.forget(frame.payload);
      return;
    }
    if (frame.kind === FRAME.WHO_KEEPS) {
      this.#slabs.findKeepers((statement) => {
        this.#tellKeepers(statement);
      });
      return;
    }
    if (frame.kind === FRAME.TAGS && this.#run.isTagged) this.#tags = readTags(frame.payload);
    else if (frame.kind === FRAME.ITEMS) this.#arrive(frame.payload as unknown[], frame.byteLength);
    else if (frame.kind === FRAME.END) this.#end(frame.payload as End);
    else this.#break(unexpectedFrame(frame));
  }

  #end(end: End): void {
    this.#hasEnd = true;
    this.#inFlight?.leave(this.#id);
    this.#takeOrKeep({ end });
  }

  #arrive(items: readonly unknown[], byteLength: number): void {
    const tags = this.#tags;
    this.#tags = undefined;
    if (this.#run.isTagged && tags?.length !== items.length) {
      this.#break(new RemoteMediaError('RM_PROTOCOL', 'items came without their tags'));
      return;
    }
    this.#borrowers?.lend(items, this.#slabs.takeLeases());
    const arrival = { items, tags, byteLength, from: this.#connection };
    this.#takeOrKeep(this.#inFlight === undefined ? arrival : this.#withoutReceipts(arrival, this.#inFlight));
  }

  /** What has come is safe here, also while it waits. */
  #withoutReceipts(arrival: Items, inFlight: InFlight): Items {
    const { items, positions } = openReceipts(arrival.items, (number) => {
      inFlight.receipt(number, this.#id, this.#run);
    });
    this.#giveCredit(arrival, arrival.items.length - items.length, 0);
    const { tags } = arrival;
    return { ...arrival, items, tags: tags && positions.map((position) => tags[position] as Tag) };
  }

  #takeOrKeep(arrival: Arrival): void {
    if (this.#isBusy) this.#frames.push(arrival);
    else this.#take(arrival);
  }

  onClose(error: Error | undefined): void {
    if (this.#inFlight?.canResume === true) {
      this.#isLost = !this.#hasEnd;
      this.#connection = undefined;
      this.#tags = undefined;
      this.#itemsDone = this.#bytesDone = 0;
      this.#onClosed?.();
    } else if (!this.#isFinished && !this.#hasEnd) this.#break(error);
  }

  detach(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.resolve();
    const timer = setTimeout(() => {
      connection.destroy();
    }, LAST_FRAMES_MS);
    return new Promise((resolve) => {
      this.#onClosed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  resume(token: string): void {
    this.forget();
    this.#isLost = false;
    this.#uninvite = this.#invite(token);
  }

  abandon(isDead: boolean): void {
    if (this.#connection !== undefined || this.#isFinished || this.#hasEnd) return;
    // One that was never there may still be on its way.
    if (!isDead && !this.#isLost) return;
    if (this.#run.canFlush) this.#break(undefined);
    else this.#close();
  }

  #take(arrival: Arrival): void {
    if ('end' in arrival) {
      if (arrival.end.failed === true) this.#run.markFailed();
      this.#close();
      this.#connection?.end();
      return;
    }
    const { items } = arrival;
    for (let index = 0; index < items.length; index++) {
      this.#underWay = index + 1;
      const wait = this.#push(arrival, index) ?? this.#turnIfDue();
      if (this.#isFinished) {
        this.#lose(arrival, index + 1);
        return;
      }
      if (wait !== undefined) {
        this.#isBusy = true;
        void this.#takeLater(arrival, index, wait);
        return;
      }
    }
    this.#giveCredit(arrival, items.length, arrival.byteLength);
  }

  /** Sync nodes that compute must not hold up the process, nor keep what they have given from going out. */
  #turnIfDue(): Promise<void> | undefined {
    return this.#pace.isTurnDue() ? this.#pace.turn() : undefined;
  }

  #push({ items, tags }: Items, index: number): Promise<void> | undefined {
    if (tags !== undefined) {
      this.#run.tag = tags[index];
      if (this.#run.isStale(this.#run.tag)) {
        this.#run.lose(this.#to, this.#run.tag);
        this.#borrowers?.drop(items[index]);
        this.#staleDone++;
        return undefined;
      }
    }
    return this.#target.push(items[index]);
  }

  /** From this item of a frame on nobody wants them. */
  #lose({ tags = [] }: Items, from: number): void {
    for (const tag of tags.slice(from)) this.#run.lose(this.#to, tag);
  }

  /** The stage makes us wait: what comes meanwhile gathers, and the window bounds how much that is. */
  async #takeLater(arrival: Items, position: number, wait: Promise<void>): Promise<void> {
    const { items, byteLength } = arrival;
    // None of this frame's items has been given back yet.
    let credited = 0;
    await wait;
    for (let index = position + 1; index < items.length; index++) {
      if (this.#isFinished) {
        this.#lose(arrival, index);
        break;
      }
      this.#underWay = index + 1 - credited;
      const next = this.#push(arrival, index) ?? this.#turnIfDue();
      if (next === undefined) continue;
      this.#giveCredit(arrival, index - credited, 0);
      credited = index;
      this.#underWay = 1;
      await next;
    }
    this.#isBusy = false;
    if (this.#isFinished) return;
    this.#giveCredit(arrival, items.length - credited, byteLength);
    this.#takeWaiting();
  }

  #takeWaiting(): void {
    for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
      this.#take(frame);
      if (this.#isBusy) return;
    }
  }

  #giveCredit({ from }: Items, items: number, bytes: number): void {
    this.#underWay = 0;
    // A producer that has died had it from us; the next one knows nothing of that.
    if (from !== this.#connection) return;
    this.#itemsDone += items;
    this.#bytesDone += bytes;
    // Credit for what is stale can go with that for what is new; but a producer that knows of no interruption waits for a whole window.
    const due = items > this.#staleDone ? this.#window.items / 2 : this.#window.items;
    this.#staleDone = 0;
    if (this.#itemsDone < due && this.#bytesDone < this.#window.bytes / 2) return;
    this.#sendCredit();
  }

  #sendCredit(): void {
    this.#connection?.send(FRAME.CREDIT, [this.#itemsDone, this.#bytesDone]);
    this.#slabs.flush();
    this.#itemsDone = 0;
    this.#bytesDone = 0;
  }

  /** What has been given back goes before. */
  #tellKeepers(statement: Statement): void {
    if (this.#isFinished) return;
    this.#sendCredit();
    this.#connection?.send(FRAME.KEPT, statement);
  }

  /** The stage has enough: the producer is told to stop. */
  downstreamStopped(): void {
    if (this.#isFinished) return;
    // Where somebody keeps account the producer knows by this which items were never taken.
    if (this.#run.onLoss !== undefined) {
      this.#itemsDone += this.#underWay;
      this.#sendCredit();
    }
    this.#close();
    this.#dismiss();
  }

  #dismiss(): void {
    this.#connection?.send(FRAME.STOP, null);
    this.#connection?.end();
  }

  die(): void {
    this.downstreamStopped();
  }

  #break(cause: Error | undefined): void {
    const reason = cause === undefined ? '' : `: ${cause.message}`;
    this.#run.fail(
      new RemoteMediaError('RM_PROTOCOL', `Channel ${this.#id} from ${this.#producer} broke${reason}.`, {
        cause,
      }),
    );
    this.#close();
    this.#connection?.end();
  }

  #close(): void {
    this.#isFinished = true;
    this.#inFlight?.leave(this.#id);
    for (const arrival of this.#frames.splice(0)) if (!('end' in arrival)) this.#lose(arrival, 0);
    this.#slabs.close();
    this.#finish();
  }
}
