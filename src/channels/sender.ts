import { RemoteMediaError } from '../errors/index.js';
import {
  Connection,
  dial,
  helloOf,
  refusedError,
  unexpectedFrame,
  type ConnectionHandler,
} from '../protocol/index.js';
import { Room, Stage, type RunState } from '../segment/index.js';
import { encodeFrame, FRAME, lower, type Frame } from '../wire/index.js';
import { WINDOW } from './window.js';

/** Items that are sent together at the most: the consumer can begin with the first ones while the rest is made. */
const BATCH_LIMIT = 128;

/** What a sender needs to know of its channel. */
export interface SenderRequest {
  readonly id: string;
  readonly token: string;
  /** Name of the consumer's host, for messages. */
  readonly consumer: string;
  /** Where the consumer listens. */
  address(): Promise<string>;
}

/**
 * The producing end of a channel. Items wait until the code that makes them pauses, or until there are enough, and go as one batch; while
 * the socket is busy they gather. The window bounds how many are out.
 */
export class ChannelSender extends Stage implements ConnectionHandler {
  readonly #request: SenderRequest;
  readonly #run: RunState;
  #connection: Connection | undefined;
  #pending: unknown[] = [];
  #isFlushScheduled = false;
  #itemsOut = 0;
  #bytesOut = 0;
  #hasEnded = false;
  #isStopped = false;
  readonly #credit: Room = new Room();

  constructor(request: SenderRequest, run: RunState) {
    super();
    this.#request = request;
    this.#run = run;
    run.addMortal(this);
  }

  /** Dials the consumer. */
  async connect(): Promise<void> {
    const { id, token } = this.#request;
    this.#connection = new Connection(await dial(await this.#request.address()), this);
    this.#connection.onDrain = () => {
      this.#flush();
    };
    this.#connection.send(FRAME.HELLO, helloOf(token, id));
  }

  push(item: unknown): Promise<void> | undefined {
    if (this.#isStopped) return undefined;
    this.#pending.push(lower(item));
    this.#itemsOut++;
    if (this.#pending.length >= BATCH_LIMIT || isBulky(item)) this.#flush();
    else this.#scheduleFlush();
    return this.#hasCredit ? undefined : this.#credit.wait();
  }

  get #hasCredit(): boolean {
    return this.#isStopped || (this.#itemsOut < WINDOW.items && this.#bytesOut < WINDOW.bytes);
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
    if (
      this.#pending.length === 0 ||
      this.#connection === undefined ||
      this.#connection.isCongested ||
      this.#isStopped
    )
      return;
    const frame = encodeFrame(FRAME.ITEMS, this.#pending);
    this.#pending = [];
    this.#bytesOut += frame.byteLength - HEADER_BYTES;
    this.#connection.sendBytes(frame);
  }

  onFrame(frame: Frame): void {
    if (frame.kind === FRAME.CREDIT) {
      const [items, bytes] = frame.payload as [number, number];
      this.#itemsOut -= items;
      this.#bytesOut -= bytes;
      if (this.#hasCredit) this.#credit.free();
    } else if (frame.kind === FRAME.STOP) {
      this.#stop();
    } else {
      this.#break(frame.kind === FRAME.REFUSED ? refusedError(frame) : unexpectedFrame(frame));
    }
  }

  /**
   * A consumer that has stopped may close before its STOP is read, so a closed connection means the same. Whether the channel broke is
   * for the consumer to tell, or for its host's death.
   */
  onClose(error: Error | undefined): void {
    if (this.#hasEnded || this.#isStopped) return;
    this.#run.logger.debug(
      `channel ${this.#request.id} to ${this.#request.consumer} was closed: ${String(error)}`,
    );
    this.#stop();
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
    this.#pending = [];
    this.#credit.free();
  }

  protected finish(): Promise<void> {
    const connection = this.#connection;
    this.#hasEnded = true;
    if (connection === undefined) return Promise.resolve();
    if (this.#isStopped) {
      connection.destroy();
      return Promise.resolve();
    }
    if (this.#pending.length > 0) connection.sendBytes(encodeFrame(FRAME.ITEMS, this.#pending));
    this.#pending = [];
    connection.send(FRAME.END, { failed: !this.#run.canFlush });
    return Promise.resolve();
  }
}

const HEADER_BYTES = 5;

/** Whether an item is large enough to be worth a batch of its own. */
function isBulky(item: unknown): boolean {
  if (typeof item === 'string') return item.length > 16_384;
  if (typeof item !== 'object' || item === null) return false;
  if (ArrayBuffer.isView(item)) return item.byteLength > 16_384;
  return 'data' in item && ArrayBuffer.isView(item.data) && item.data.byteLength > 16_384;
}
