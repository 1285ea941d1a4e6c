import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import {
  HostDiedError,
  InvalidArgumentError,
  isRemoteMediaError,
  NodeError,
  type RemoteMediaError,
} from '../../errors/index.js';
import { checkedQueue, DEFAULT_QUEUE, type QueueLimits, type WhenFull } from '../../node/index.js';
import { INPUT } from '../../plan/index.js';
import { newTag, type DeadLetter, type OnDrop, type TakeDeadLetter } from '../../segment/index.js';
import { defaultLogger } from '../../logging/index.js';
import { DeadLetterQueue } from './dead-letter-queue.js';
import { insertNode, removeNode, replaceNode } from './changes.js';
import type { PipelineDefinition, PipelineEntry } from '../definition.js';
import type { InsertPlace } from './graph-changes.js';
import { InputQueues } from './input-queues.js';
import { Ledger } from './ledger.js';
import type { RunOptions } from '../run.js';
import { noTaker, type RunMetrics } from '../session/session.js';
import type { Ending, SessionAccount } from './session-account.js';
import { checkOpenOptions, checkWriteOptions } from './open-options.js';
import { duplexOf } from './session-duplex.js';
import { sessionEnded } from './session-ended.js';
import { PipelineStream } from '../stream.js';

/** Options of {@link Pipeline.open}. */
export interface OpenOptions extends RunOptions {
  /** How many items may wait at the input before who writes has to. @defaultValue 64 */
  readonly maxPending?: number | undefined;
  /** Limits of the input, and what becomes of items past them, where that is more than to wait; `maxItems` stands instead of `maxPending`. */
  readonly inputQueue?: WhenFull | QueueLimits | undefined;
  /** What nodes know the session by, as `context.sessionId`. @defaultValue a random one */
  readonly sessionId?: string | undefined;
  /**
   * Keeps account of what becomes of each item that is written, for {@link LiveSession.account}. That takes 12 bytes for each, and 8 more for
   * each item that comes to nothing on its way. @defaultValue false
   */
  readonly accounting?: boolean | undefined;
}

/** How an item is written. */
export interface WriteOptions {
  /** Whether the item, and what it leads to, goes on after an interruption. @defaultValue false */
  readonly survives?: boolean | undefined;
  /** Whether the item, and what it leads to, goes before all that waits in queues, and is not dropped by their limits. @defaultValue false */
  readonly urgent?: boolean | undefined;
  /** When the item is to be shown or heard, in µs of a clock of your choice; what it leads to has the same. @defaultValue that of a media item */
  readonly timestampUs?: number | undefined;
}

const DEFAULT_MAX_PENDING = 64;

/**
 * A pipeline that is open: items are written as they come, outputs are read as they come, until it is ended or cancelled. It is also a
 * pair of web streams, so that `source.pipeThrough(session)` works; for Node.js streams there is {@link LiveSession.duplex}.
 *
 * @example
 * ```ts
 * await using session = await pipeline.open();
 * await session.write('hello');
 * session.end();
 * for await (const output of session) console.log(output);
 * ```
 */
export class LiveSession<In, Out> implements AsyncIterableIterator<Out>, AsyncDisposable {
  /** What nodes know it by. */
  readonly id: string;
  readonly #name: string;
  readonly #stream: PipelineStream<Out>;
  readonly #queue: InputQueues;
  readonly #letters: DeadLetterQueue;
  #done: Promise<void> | undefined;
  readonly #ledger: Ledger | undefined;
  #hasEnded = false;
  /** How it ended, once nothing more can be written. */
  #over: { readonly failure: unknown; readonly isCancelled: boolean } | undefined;
  #readable: ReadableStream<Out> | undefined;
  #writable: WritableStream<In> | undefined;
  /** With what the web stream of the input was aborted: that of the outputs passes it on. */
  #aborted: { readonly reason: unknown } | undefined;

  /** @internal */
  constructor(
    name: string,
    id: string,
    stream: PipelineStream<Out>,
    queue: InputQueues,
    letters: DeadLetterQueue,
    ledger: Ledger | undefined,
  ) {
    this.id = id;
    this.#name = name;
    this.#stream = stream;
    this.#queue = queue;
    this.#letters = letters;
    this.#ledger = ledger;
    stream.onOver = this.#settle.bind(this);
  }

  /**
   * Settles when all work is done and everything is cleaned up: rejects with the failure that ended the session, or with the reason of
   * {@link LiveSession.cancel}. Outputs that nobody has read yet hold it up, as they hold up the nodes.
   */
  get done(): Promise<void> {
    if (this.#done === undefined) {
      this.#done = this.#stream.ended.then(() => {
        if (this.#over?.failure !== undefined) throw this.#over.failure as Error;
      });
      // It need not be awaited: reading, and leaving, tell of a failure as well.
      this.#done.catch(() => undefined);
    }
    return this.#done;
  }

  /**
   * Gives an item to the pipeline. It is taken at once; the promise, where there is one, resolves when there is room for the next.
   *
   * @throws RemoteMediaError `RM_SESSION_ENDED` after {@link LiveSession.end} and once the session is over, with what ended it as `cause`;
   * also where it ends while this waits
   * @throws InvalidArgumentError `RM_INVALID_INPUT` for `undefined`, and where the pipeline begins with source nodes only
   */
  write(item: In, options?: WriteOptions): Promise<void> | undefined {
    this.#checkWrite(item);
    const isWanted = this.#queue.isOpen;
    const room = this.#push(item, options);
    // Nodes want no more, and the session is about to say so: it would never, if a writer did not pause.
    if (!isWanted) return turn();
    return room?.then(() => {
      if (this.#over !== undefined) throw this.#refusal();
    });
  }

  /** Gives an item to the pipeline if there is room for it now; whether there was. Throws as {@link LiveSession.write}. */
  tryWrite(item: In, options?: WriteOptions): boolean {
    this.#checkWrite(item);
    if (this.#queue.isFull) return false;
    // The promise is for whoever writes next.
    void this.#push(item, options);
    return true;
  }

  #push(item: In, options: WriteOptions | undefined): Promise<void> | undefined {
    if (options !== undefined) checkWriteOptions(options);
    const tag = newTag(options?.survives, options?.urgent, options?.timestampUs);
    this.#ledger?.add(tag);
    return this.#queue.push(item, tag);
  }

  /**
   * Makes everything stale that was written so far, in all hosts at once: what of it waits is dropped, what runs is aborted by its
   * `context.signal`, and what it leads to is discarded, outputs that nobody has read included. What survives goes on, and so does what
   * is written from now on.
   */
  interrupt(): void {
    this.#stream.interrupt();
  }

  /**
   * Inserts a node next to one that is there: before it, it takes all that this one took; after it, all that this one gave. What was
   * written before goes through the pipeline as it was, and what is written once this has resolved through the changed one.
   *
   * @param node - whatever the list of a pipeline may hold
   * @returns its id
   * @throws NodeError `RM_NODE_FAILED` where its `initialize` fails; InvalidArgumentError `RM_INVALID_ARGUMENT` where there is no such
   * place; GraphError `RM_INVALID_GRAPH`; RemoteMediaError `RM_NODE_BUSY` where a streaming node would have to go on, and
   * `RM_SESSION_ENDED` after {@link LiveSession.end} and once the session is over. Nothing has changed then.
   */
  async insert(node: PipelineEntry, place: InsertPlace): Promise<string> {
    this.#checkOpen();
    return insertNode(this.#stream, node, place);
  }

  /**
   * Takes a node out of the pipeline; what was before it gives to what was behind it. Once all that was written before is through, it
   * flushes and is cleaned up. As {@link LiveSession.insert} otherwise.
   *
   * @param id - as in plans, metrics and errors
   */
  async remove(id: string): Promise<void> {
    this.#checkOpen();
    await removeNode(this.#stream, id);
  }

  /** Puts another node in the place of one, whose id it has from then on. As {@link LiveSession.remove} otherwise. */
  async replace(id: string, node: PipelineEntry): Promise<void> {
    this.#checkOpen();
    await replaceNode(this.#stream, id, node);
  }

  /** No more items will come: what was written is processed, nodes flush, and the session ends. */
  end(): void {
    this.#hasEnded = true;
    this.#queue.close(false);
  }

  /**
   * Ends the session now: what waits is dropped, what runs is aborted. Resolves once everything is cleaned up.
   *
   * @param reason - what {@link LiveSession.done} rejects with. @defaultValue an `AbortError`
   * @throws RemoteMediaError `RM_CANCEL_TIMEOUT` where a node does not return
   */
  async cancel(
    reason: unknown = new DOMException('The session was cancelled.', 'AbortError'),
  ): Promise<void> {
    this.#close(reason, true);
    await this.#stream.leave(reason);
  }

  /**
   * The next output, once it is there. A failure comes after the outputs before it.
   *
   * @throws NodeError `RM_NODE_FAILED` where a node fails; `signal.reason` where the signal has ended the session
   */
  next(): Promise<IteratorResult<Out>> {
    return this.#stream.next();
  }

  /** Leaving a loop over the outputs cancels the session. */
  async return(): Promise<IteratorResult<Out>> {
    await this.cancel();
    return { done: true, value: undefined };
  }

  /** The session itself: its outputs can be read once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Cancels the session, where it still goes on, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  /**
   * The items that nodes with the failure policy `skip` have failed for, as they come, until the session is over. Of those that nobody has
   * read yet the 1,000 latest are kept. One reader gets each.
   */
  get deadLetters(): AsyncIterableIterator<DeadLetter> {
    return this.#letters;
  }

  /** Items that were dropped at the input because of its limits. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /**
   * What became of each item that was written, as far as it is known by now. Once the session is over and its outputs are read, that is known
   * of all of them.
   *
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the session was opened without the option `accounting`
   */
  account(): SessionAccount {
    if (this.#ledger !== undefined) return this.#ledger.account(this.#stream.unread());
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `The session of pipeline "${this.#name}" keeps no account. Open it with { accounting: true }.`,
    );
  }

  /** Counts so far, and durations where `enableMetrics` is on. */
  metrics(): RunMetrics {
    return this.#stream.metrics();
  }

  /** The outputs as a web stream; cancelling it cancels the session. */
  get readable(): ReadableStream<Out> {
    return (this.#readable ??= new ReadableStream<Out>(
      {
        pull: async (controller) => {
          const step = await this.next();
          if (step.done !== true) controller.enqueue(step.value);
          else if (this.#aborted !== undefined) controller.error(this.#aborted.reason);
          else controller.close();
        },
        cancel: (reason) => this.cancel(reason),
      },
      { highWaterMark: 0 },
    ));
  }

  /** The input as a web stream; closing it ends the session, aborting it cancels it. */
  get writable(): WritableStream<In> {
    return (this.#writable ??= new WritableStream<In>({
      start: (controller) => {
        this.done.catch((error: unknown) => {
          controller.error(error);
        });
      },
      write: (item) => this.write(item),
      close: () => {
        this.end();
      },
      abort: (reason) => {
        this.#aborted = { reason };
        return this.cancel(reason);
      },
    }));
  }

  /**
   * The session as a stream of Node.js in object mode: for `pipe` and `pipeline`. Its end ends the session, destroying it cancels it. Outputs
   * that are `null`, which such streams take for their end, cannot go through it.
   */
  duplex(): Duplex {
    return duplexOf(this);
  }

  #checkOpen(): void {
    if (this.#hasEnded || this.#over !== undefined) throw this.#refusal();
  }

  #checkWrite(item: In): void {
    this.#checkOpen();
    if (!this.#stream.takesInput) throw noTaker(this.#name);
    if (item !== undefined) return;
    throw new InvalidArgumentError(
      'RM_INVALID_INPUT',
      'undefined was written, which stands for no item. Use null for "no value", or leave it out.',
    );
  }

  #settle(failure: unknown): void {
    this.#close(failure, !isRemoteMediaError(failure));
    this.#ledger?.close(endingBy(failure ?? this.#over?.failure, this.#over?.isCancelled === true));
  }

  #close(failure: unknown, isCancelled: boolean): void {
    this.#over ??= { failure, isCancelled };
    this.#queue.close(true);
    this.#letters.end();
  }

  #refusal(): RemoteMediaError {
    return sessionEnded(this.#name, this.#over?.failure);
  }
}

/** Opens a pipeline; see {@link Pipeline.open}. */
export async function openSession<In, Out>(
  definition: PipelineDefinition,
  options: OpenOptions,
): Promise<LiveSession<In, Out>> {
  checkOpenOptions(options);
  const { maxPending = DEFAULT_MAX_PENDING, sessionId = newSessionId() } = options;
  if (!Number.isInteger(maxPending) || maxPending < 1) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `maxPending must be a whole number from 1, got ${String(maxPending)}.`,
    );
  }
  const { inputQueue } = options;
  const limits =
    inputQueue === undefined
      ? { ...DEFAULT_QUEUE, maxItems: maxPending }
      : checkedQueue(inputQueue, 'inputQueue');
  const ledger = options.accounting === true ? new Ledger() : undefined;
  const queue = new InputQueues(limits, ledger && ledgerOfInput(ledger));
  const letters = new DeadLetterQueue(options.onDeadLetter, options.logger ?? defaultLogger());
  const taking = { ...options, onDeadLetter: takerOf(letters, ledger) };
  const input = { isGiven: false, items: queue.newest };
  const stream = new PipelineStream<Out>(definition, input, taking, { sessionId, queues: queue, ledger });
  const session = new LiveSession<In, Out>(definition.name, sessionId, stream, queue, letters, ledger);
  await stream.open();
  return session;
}

/** A UUID, as one string: as it comes it is a chain of fifteen, which take ten times as much memory. */
function newSessionId(): string {
  return Buffer.from(crypto.randomUUID(), 'latin1').toString('latin1');
}

function takerOf(letters: DeadLetterQueue, ledger: Ledger | undefined): TakeDeadLetter {
  if (ledger === undefined) return letters.take.bind(letters);
  return (letter, stamp) => {
    letters.take(ledger.letter(letter, stamp));
  };
}

/** What waits at the input is no matter of a run before that has begun to read it. */
function ledgerOfInput(ledger: Ledger): OnDrop {
  return (tag, reason = 'ended') => {
    if (tag !== undefined) ledger.lose(INPUT, tag.stamp, reason);
  };
}

/** What the end of a session means for what was under way. */
function endingBy(failure: unknown, isCancelled: boolean): Ending {
  const reason = failure === undefined ? undefined : isCancelled ? 'cancelled' : 'failed';
  // What a node fails with, and a cancel, is told by all hosts together with what they gave up for it.
  const isUnclear = isRemoteMediaError(failure) && !(failure instanceof NodeError);
  const unclear = failure instanceof HostDiedError ? 'lost' : reason;
  return { reason, error: failure, unclear: isUnclear ? unclear : undefined };
}
