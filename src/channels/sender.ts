import { RemoteMediaError, ValueTransferError } from '../errors/index.js';
import {
  Connection,
  dial,
  helloOf,
  refusedError,
  unexpectedFrame,
  type ConnectionHandler,
} from '../protocol/index.js';
import { OUTPUT } from '../plan/index.js';
import { Room, Stage, type RunState, type Tag } from '../segment/index.js';
import { SliceLedger, type Giving } from '../slabs/index.js';
import {
  encodeFrame,
  FRAME,
  lowerMeasured,
  MAX_PAYLOAD_BYTES,
  type Frame,
  type Lowered,
} from '../wire/index.js';
import type { Flight, InFlight, ResumableEnd } from './in-flight.js';
import { StaleOut } from './stale-out.js';
import { tagsOf } from './tags.js';
import { windowOf } from './window.js';

/** What is sent together at the most: the consumer can begin with the first items while the rest is made. */
const BATCH = { items: 128, bytes: 2 ** 18 } as const;

/** What a sender needs to know of its channel. */
export interface SenderRequest {
  readonly id: string;
  readonly token: string;
  /** Name of the consumer's host, for messages. */
  readonly consumer: string;
  /** The first node that the channel feeds; `undefined` where it feeds the end of the pipeline alone. */
  readonly to: string | undefined;
  /** Whether bulk bytes go through shared memory. */
  readonly isBulk: boolean;
  /** What may be sent in place, where it lies in shared memory already. */
  readonly giving: Giving;
  /** Keeps what is sent to a consumer that may be started again. */
  readonly inFlight?: InFlight | undefined;
  /** Where the consumer listens. */
  address(): Promise<string>;
}

/**
 * The producing end of a channel. Items wait until the code that makes them pauses, or until there are enough, and go as one batch; while
 * the socket is busy they gather. The window bounds how many are out.
 */
export class ChannelSender extends Stage implements ConnectionHandler, ResumableEnd {
  readonly #request: SenderRequest;
  readonly #run: RunState;
  readonly #window: ReturnType<typeof windowOf>;
  #connection: Connection | undefined;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #isFlushScheduled = false;
  #itemsOut = 0;
  /** In a session. */
  readonly #stale: StaleOut | undefined;
  #bytesOut = 0;
  #hasEnded = false;
  #isStopped = false;
  /** No more memory could be had: what came before still goes, and then END. */
  #hasGivenUp = false;
  readonly #credit: Room = new Room();
  readonly #ledger: SliceLedger | undefined;
  #token: string;
  /** Waited for until the connection to a consumer that has died is closed. */
  #onClosed: (() => void) | undefined;

  constructor(request: SenderRequest, run: RunState) {
    super();
    this.#request = request;
    this.#run = run;
    this.#token = request.token;
    this.#window = windowOf(run);
    if (run.isTagged) this.#stale = new StaleOut(run, this.#window.items);
    request.inFlight?.addSender(request.id, this);
    if (request.isBulk) this.#ledger = this.#makeLedger(request);
    run.addMortal(this);
  }

  #makeLedger({ to, giving }: SenderRequest): SliceLedger {
    return new SliceLedger({
      nodeId: to,
      giving,
      announce: (slab) => this.#connection?.send(FRAME.SLAB, slab),
      forget: (numbers) => this.#connection?.send(FRAME.FORGET, numbers),
      ask: () => this.#askKeepers(),
      run: this.#run,
    });
  }

  /** Whoever has got END reads nothing more. */
  #askKeepers(): boolean {
    if (this.#connection === undefined || this.#hasEnded || this.#isStopped) return false;
    this.#connection.send(FRAME.WHO_KEEPS, null);
    return true;
  }

  /** Dials the consumer. */
  async connect(): Promise<void> {
    const { id } = this.#request;
    this.#connection = new Connection(await dial(await this.#request.address()), this);
    this.#connection.onDrain = () => {
      this.#flush();
    };
    this.#connection.send(FRAME.HELLO, helloOf(this.#token, 'producer', id));
  }

  push(item: unknown): Promise<void> | undefined {
    if (this.#isStopped || this.#hasGivenUp || this.#run.isStale(this.#run.tag)) {
      this.#lose(this.#run.tag);
      return undefined;
    }
    const lowered = this.#ledger === undefined ? lowerMeasured(item) : this.#lowerBulk(item, this.#ledger);
    if (lowered === undefined) return undefined;
    if (lowered.byteLength - lowered.slicedBytes > MAX_PAYLOAD_BYTES / 2) throw tooLarge(lowered.byteLength);
    this.#ledger?.commit();
    this.#pending.push(this.#pendingOf(item, lowered));
    this.#pendingBytes += lowered.byteLength;
    this.#itemsOut++;
    this.#stale?.add(this.#run.tag);
    if (this.#pending.length >= BATCH.items || this.#pendingBytes >= BATCH.bytes) this.#flush();
    else this.#scheduleFlush();
    return this.#hasCredit ? undefined : this.#credit.wait();
  }

  /** A host that may be started again gets the number of the item with it. */
  #pendingOf(item: unknown, lowered: Lowered): Pending {
    const { id, inFlight } = this.#request;
    const { tag } = this.#run;
    if (inFlight === undefined) return { lowered, tag };
    const number = inFlight.nextNumber();
    const numbered = { ...lowered, value: [number, lowered.value] };
    return { lowered: numbered, tag, flight: { number, channel: id, item, lowered: numbered, tag } };
  }

  /** Gives nothing where there is no memory for the item: that is no fault of the node that made it. */
  #lowerBulk(item: unknown, ledger: SliceLedger): Lowered | undefined {
    ledger.rollBack();
    try {
      return lowerMeasured(item, ledger);
    } catch (error) {
      ledger.rollBack();
      const isMemory = error instanceof RemoteMediaError && MEMORY_CODES.has(error.code);
      if (!isMemory) throw error;
      this.#giveUp(error);
      return undefined;
    }
  }

  #lose(tag: Tag | undefined): void {
    this.#run.lose(this.#request.to ?? OUTPUT, tag);
  }

  /** Of what has been sent it is not known what became of it. */
  #loseAll(): void {
    const tags = this.#stale?.takeAll() ?? [];
    const sent = tags.splice(0, tags.length - this.#pending.length);
    for (const tag of tags) this.#lose(tag);
    const to = this.#request.to ?? OUTPUT;
    for (const tag of sent) if (tag !== undefined) this.#run.onLoss?.(to, tag.stamp, 'unknown');
  }

  #giveUp(error: RemoteMediaError): void {
    this.#hasGivenUp = true;
    this.#run.fail(error);
    this.#credit.free();
    this.stopUpstreams(true);
  }

  get #hasCredit(): boolean {
    return (
      this.#isStopped ||
      this.#hasGivenUp ||
      (this.#itemsOut - (this.#stale?.count ?? 0) < this.#window.items &&
        this.#bytesOut + this.#pendingBytes < this.#window.bytes)
    );
  }

  /** After all that can run at once has run: that is when a batch is as full as it gets without waiting. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    process.nextTick(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#pending.length > 0 && this.#connection?.isCongested === false && !this.#isStopped)
      this.#trySend(this.#connection);
  }

  /** Nobody is there who could catch it: an item that was changed after it was given away ends the run. */
  #trySend(connection: Connection): void {
    try {
      this.#sendBatch(connection);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #sendBatch(connection: Connection): void {
    let count = 0;
    let bytes = 0;
    while (count < this.#pending.length && count < BATCH.items && bytes < BATCH.bytes)
      bytes += this.#pending[count++]?.lowered.byteLength ?? 0;
    const batch = this.#pending.splice(0, count);
    for (const { flight } of batch) if (flight !== undefined) this.#request.inFlight?.sent(flight);
    const frame = encodeFrame(
      FRAME.ITEMS,
      batch.map(({ lowered }) => lowered.value),
    );
    this.#pendingBytes -= bytes;
    this.#bytesOut += frame.byteLength - HEADER_BYTES;
    if (this.#ledger !== undefined) for (const { lowered } of batch) this.#bytesOut += lowered.slicedBytes;
    if (this.#run.isTagged) {
      connection.send(FRAME.TAGS, tagsOf(batch));
    }
    connection.sendBytes(frame);
  }

  onFrame(frame: Frame): void {
    if (frame.kind === FRAME.CREDIT) {
      this.#takeCredit(frame.payload);
    } else if (frame.kind === FRAME.RETURN && this.#ledger !== undefined) {
      this.#told(() => this.#ledger?.takeBack(frame.payload));
    } else if (frame.kind === FRAME.KEPT && this.#ledger !== undefined) {
      this.#told(() => this.#ledger?.takeStatement(frame.payload));
    } else if (frame.kind === FRAME.STOP) {
      this.#stop();
    } else {
      this.#break(frame.kind === FRAME.REFUSED ? refusedError(frame) : unexpectedFrame(frame));
    }
  }

  #takeCredit(payload: unknown): void {
    if (this.#isStopped) return;
    const sent = this.#itemsOut - this.#pending.length;
    if (!isCredit(payload) || payload[0] > sent || payload[1] > this.#bytesOut) {
      this.#break(new RangeError('a CREDIT is not two numbers, of no more than is out'));
      return;
    }
    const [items, bytes] = payload;
    this.#itemsOut -= items;
    this.#bytesOut -= bytes;
    this.#ledger?.credited(items);
    this.#stale?.credited(items);
    if (this.#hasCredit) this.#credit.free();
  }

  /** What is out and stale leaves room at once: what is new does not wait until the consumer has dropped it. */
  interrupt(): void {
    this.#stale?.interrupt();
    if (this.#hasCredit) this.#credit.free();
  }

  #told(take: () => void): void {
    try {
      take();
    } catch (error) {
      this.#break(error as Error);
    }
  }

  /**
   * A consumer that has stopped may close before its STOP is read, so a closed connection means the same. Whether the channel broke is
   * for the consumer to tell, or for its host's death.
   */
  onClose(error: Error | undefined): void {
    this.#ledger?.close();
    if (this.#request.inFlight?.canResume === true) {
      this.#connection = undefined;
      this.#onClosed?.();
      return;
    }
    if (this.#hasEnded || this.#isStopped) return;
    this.#run.logger.debug(
      `channel ${this.#request.id} to ${this.#request.consumer} was closed: ${String(error)}`,
    );
    this.#stop();
  }

  detach(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.resolve();
    connection.destroy();
    return new Promise((resolve) => (this.#onClosed = resolve));
  }

  /** What the consumer before had got, and was not done with, goes first. */
  async resume(token: string): Promise<void> {
    this.#token = token;
    const { id, inFlight } = this.#request;
    const kept = new Set(inFlight?.flights(this.#run, id));
    const again = [...kept].map((flight): Pending => ({ ...flight, flight }));
    // After a second death in a row some of them have not even been sent again.
    const left = this.#pending.filter(({ flight }) => flight === undefined || !kept.has(flight));
    this.#pending = [...again, ...left];
    this.#pendingBytes = this.#pending.reduce((sum, { lowered }) => sum + lowered.byteLength, 0);
    this.#itemsOut = this.#pending.length;
    this.#bytesOut = 0;
    this.#stale?.reset(this.#pending.map(({ tag }) => tag));
    await this.connect();
    if (this.#isStopped) this.#connection?.send(FRAME.END, { failed: !this.#run.canFlush });
    else if (this.#hasEnded) await this.finish();
    else this.#flush();
    if (this.#hasCredit) this.#credit.free();
  }

  abandon(): void {
    if (this.#connection === undefined && !this.#hasEnded) this.#stop();
  }

  #break(cause: Error): void {
    const { id, consumer } = this.#request;
    this.#run.fail(
      new RemoteMediaError('RM_PROTOCOL', `Channel ${id} to ${consumer} broke: ${cause.message}`, { cause }),
    );
    this.#connection?.destroy();
    this.#stop();
  }

  #stop(): void {
    if (this.#isStopped) return;
    this.die();
    this.stopUpstreams(false);
  }

  /** Sends nothing more; what waits is dropped. */
  die(): void {
    this.#isStopped = true;
    if (this.#run.onLoss !== undefined) this.#loseAll();
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#credit.free();
    // After END nothing else would close it before a consumer that is stuck reads that.
    if (this.#hasEnded) this.#connection?.destroy();
  }

  protected finish(): Promise<void> {
    const connection = this.#connection;
    this.#hasEnded = true;
    if (connection === undefined) return Promise.resolve();
    if (this.#isStopped) {
      connection.destroy();
      return Promise.resolve();
    }
    while (this.#pending.length > 0) this.#trySend(connection);
    connection.send(FRAME.END, { failed: !this.#run.canFlush });
    return Promise.resolve();
  }
}

/** An item that waits to be sent. */
interface Pending {
  readonly lowered: Lowered;
  readonly tag: Tag | undefined;
  /** Where the consumer may be started again. */
  readonly flight?: Flight | undefined;
}

const HEADER_BYTES = 5;

/** What stands in the way of putting bytes into shared memory. */
const MEMORY_CODES: ReadonlySet<string> = new Set(['RM_MEMORY_KEPT', 'RM_SHARED_MEMORY_FULL']);

function isCredit(payload: unknown): payload is [number, number] {
  return (
    Array.isArray(payload) &&
    payload.length === 2 &&
    payload.every((count) => Number.isSafeInteger(count) && count >= 0)
  );
}

function tooLarge(byteLength: number): ValueTransferError {
  const size = `${String(Math.round(byteLength / 2 ** 20))} MiB`;
  return new ValueTransferError(
    `The item is about ${size} large, and at most 512 MiB cross at once. Cut it into pieces.`,
    '',
  );
}
