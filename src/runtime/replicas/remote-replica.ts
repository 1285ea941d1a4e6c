import { NodeError } from '../../errors/index.js';
import {
  decodeFailure,
  NO_TICKET,
  type Failure,
  type ReplicaInput,
  type ReplicaMessage,
} from '../../protocol/index.js';
import { nextStamp } from '../../segment/index.js';
import type { ReplicaSession } from './replica-session.js';
import { Ticket } from './ticket.js';

/** One copy of a node, in a session of its own: it is given items, and tells which outputs are whose. */
export class RemoteReplica {
  /** Settles when the session has ended; never rejects. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #session: ReplicaSession;
  readonly #onRoom: () => void;
  readonly #tickets = new Map<number, Ticket>();
  /** What `flush` gives. */
  readonly #flushed: Ticket = new Ticket(NO_TICKET, undefined, undefined, () => undefined);
  #isOver = false;
  #failure: unknown;
  /** Whether an item, or `flush`, has failed with it. */
  #isTold = false;
  #isLooking = false;

  /**
   * @param name - in errors
   * @param onRoom - called when it may take another item, and when it is over
   */
  constructor(name: string, session: ReplicaSession, onRoom: () => void) {
    this.#name = name;
    this.#session = session;
    this.#onRoom = onRoom;
    this.ended = this.#read();
  }

  /** How many items it has. */
  get load(): number {
    return this.#tickets.size;
  }

  /** Whether it takes no more items. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What it has failed with. */
  get failure(): unknown {
    return this.#failure;
  }

  /** What it has failed with, where no item has. */
  get untoldFailure(): unknown {
    return this.#isTold ? undefined : this.#failure;
  }

  /** Works on an item; there is room for it. */
  take(ticket: Ticket): void {
    this.#tickets.set(ticket.number, ticket);
    ticket.stamp = nextStamp();
    ticket.onAbandoned = () => {
      this.#lookLater();
    };
    const { number, item, timestampUs } = ticket;
    const input: ReplicaInput = timestampUs === undefined ? [number, item] : [number, item, timestampUs];
    this.#session.write(input);
  }

  /** No more items will come. */
  end(): void {
    this.#session.end();
  }

  /** The outputs of `flush`, once all items are done. */
  flushed(): AsyncIterable<unknown> {
    return this.#flushed;
  }

  async cancel(): Promise<void> {
    this.#isTold = true;
    await this.#session.cancel();
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#session.outputs()) {
        const wait = this.#takeMessage(message as ReplicaMessage);
        if (wait !== undefined) await wait;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isOver = true;
    this.#flushed.end();
    this.#onRoom();
  }

  #takeMessage([number, kind, value]: ReplicaMessage): Promise<void> | undefined {
    const ticket = number === NO_TICKET ? this.#flushed : this.#tickets.get(number);
    // An interruption has dropped it, and it had given something before.
    if (ticket === undefined) return undefined;
    switch (kind) {
      case 'output':
        return ticket.give(value);
      case 'interrupt':
      case 'survive':
        if (!ticket.isAbandoned) ticket.context?.[kind]();
        return undefined;
      case 'timestamp':
        ticket.assign(value ?? undefined);
        return undefined;
      case 'last':
        void ticket.give(value);
        ticket.end();
        break;
      case 'done':
        ticket.end();
        break;
      case 'failed':
        ticket.fail(decodeFailure(value as Failure, this.#name));
    }
    this.#tickets.delete(number);
    this.#dropAbandoned();
    this.#onRoom();
    return undefined;
  }

  #fail(error: unknown): void {
    // The stage that has the copies says which node it is.
    this.#failure = error instanceof NodeError ? error.cause : error;
    const isCleanup = error instanceof NodeError && error.phase === 'cleanup';
    this.#isTold ||= this.#tickets.size > 0;
    for (const ticket of this.#tickets.values()) ticket.fail(this.#failure);
    this.#tickets.clear();
    if (this.#isTold || isCleanup) return;
    this.#isTold = true;
    this.#flushed.fail(this.#failure);
  }

  /** Many items may be abandoned at once. */
  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      this.#dropAbandoned();
    });
  }

  /** What nobody wants is dropped, as far as it came before all that somebody does. */
  #dropAbandoned(): void {
    const tickets = [...this.#tickets.values()];
    const wanted = tickets.findIndex((ticket) => !ticket.isAbandoned);
    const dropped = wanted < 0 ? tickets : tickets.slice(0, wanted);
    if (dropped.length === 0) return;
    for (const { number } of dropped) this.#tickets.delete(number);
    this.#session.interrupt(tickets[wanted]?.stamp ?? nextStamp());
    this.#onRoom();
  }
}
