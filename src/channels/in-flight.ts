import type { RunState, Tag } from '../segment/index.js';
import type { Lowered } from '../wire/index.js';

/** An item that a host has got, and that is kept until what came of it is here. */
export interface Flight {
  /** Position among all items that the node is given, from 0. */
  readonly number: number;
  /** The channel by which it goes. */
  readonly channel: string;
  readonly item: unknown;
  readonly lowered: Lowered;
  readonly tag: Tag | undefined;
}

/** An end of a channel whose other end is in a host that may be started again. */
export interface ResumableEnd {
  /** The host has died: resolves once all that it had sent has been read. */
  detach(): Promise<void>;
  /** The next host is there, and this end is known to it by a new token. */
  resume(token: string): Promise<void> | void;
  /** No other host will come: this one is dead, or lets go of its channels itself. */
  abandon(isDead: boolean): void;
}

/** How long what a host had sent may take to be read once it has died, in milliseconds: a process that it has left may hold its sockets. */
export const LAST_FRAMES_MS = 200;

/** The items that are in a host which may be started again, and the ends of its channels in this process. */
export class InFlight {
  /** Whether another host will come where this one has died. */
  canResume = true;
  #next = 0;
  readonly #flights = new Map<number, Flight>();
  readonly #ends = new Map<string, ResumableEnd>();
  /** Outgoing channels that still take outputs. */
  readonly #taking = new Set<string>();
  /** Where there are several of these: those that have told of an item. */
  readonly #told = new Map<number, Set<string>>();

  /** The number of the next item. */
  nextNumber(): number {
    return this.#next++;
  }

  /** Adds the producing end of a channel that leads to the host. */
  addSender(channel: string, end: ResumableEnd): void {
    this.#ends.set(channel, end);
  }

  /** Adds the consuming end of a channel that comes from the host. */
  addReceiver(channel: string, end: ResumableEnd): void {
    this.#ends.set(channel, end);
    this.#taking.add(channel);
  }

  /** Whether all outputs are here: nothing more is wanted of the host. */
  get isComplete(): boolean {
    return this.#taking.size === 0;
  }

  /** An item goes to the host. */
  sent(flight: Flight): void {
    this.#flights.set(flight.number, flight);
  }

  /** Those that are in the host and have not become stale, in their order; of one channel, or of all. */
  flights(run: RunState, channel?: string): Flight[] {
    return [...this.#flights.values()].filter(
      (flight) => (channel === undefined || flight.channel === channel) && !run.isStale(flight.tag),
    );
  }

  /** Lets go of those that have become stale; gives their tags. */
  dropStale(run: RunState): Tag[] {
    const stale = [...this.#flights.values()].filter(({ tag }) => run.isStale(tag));
    for (const { number } of stale) this.land(number);
    return stale.flatMap(({ tag }) => tag ?? []);
  }

  /** The host has said that items which come from this input have come to nothing. */
  lose(stamp: number): void {
    for (const [number, { tag }] of this.#flights) if (tag?.stamp === stamp) this.land(number);
  }

  /** They are not kept any longer. */
  clear(): void {
    this.#flights.clear();
    this.#told.clear();
  }

  /** The item of a number, where it is in the host. */
  item(number: number): unknown {
    return this.#flights.get(number)?.item;
  }

  /** Nothing more comes of an item. */
  land(number: number): void {
    this.#flights.delete(number);
    this.#told.delete(number);
  }

  /** The host says, by one of its outgoing channels, that all that comes of an item went before. */
  receipt(number: number, channel: string, run: RunState): void {
    // Of those before it the stale ones have been passed over, and get none.
    for (const [earlier, { tag }] of this.#flights) {
      if (earlier >= number || !run.isStale(tag)) break;
      this.land(earlier);
    }
    if (this.#taking.size < 2) {
      this.land(number);
      return;
    }
    const told = this.#told.get(number) ?? new Set();
    this.#told.set(number, told.add(channel));
    this.#landIfTold(number, told);
  }

  /** An outgoing channel takes no more outputs. */
  leave(channel: string): void {
    if (!this.#taking.delete(channel)) return;
    for (const [number, told] of this.#told) this.#landIfTold(number, told);
  }

  #landIfTold(number: number, told: ReadonlySet<string>): void {
    if ([...this.#taking].every((channel) => told.has(channel))) this.land(number);
  }

  /** The host has died: resolves once all that it had sent has been read. */
  async detach(): Promise<void> {
    await Promise.all([...this.#ends.values()].map((end) => end.detach()));
  }

  /** Connects a channel with the next host. */
  async resume(channel: string, token: string): Promise<void> {
    await this.#ends.get(channel)?.resume(token);
  }

  /** No other host will come: this one is dead, or lets go of its channels itself. */
  abandon(isDead: boolean): void {
    this.canResume = false;
    this.clear();
    for (const end of this.#ends.values()) end.abandon(isDead);
  }
}

/** What a host that keeps receipts sends as an item: an output, the last output of an item with the item's number, or that number alone. */
type Receipted = readonly [output: unknown, number?: number] | number;

/**
 * Takes the receipts out of a batch.
 *
 * @returns the positions of the outputs in it, and these
 * @throws TypeError where it holds something else
 */
export function openReceipts(
  batch: readonly unknown[],
  onReceipt: (number: number) => void,
): { readonly items: unknown[]; readonly positions: number[] } {
  const items: unknown[] = [];
  const positions: number[] = [];
  for (const [position, entry] of (batch as readonly Receipted[]).entries()) {
    if (typeof entry === 'number') {
      onReceipt(entry);
      continue;
    }
    if (!Array.isArray(entry)) throw new TypeError('an output came without its receipt');
    items.push(entry[0]);
    positions.push(position);
    if (typeof entry[1] === 'number') onReceipt(entry[1]);
  }
  return { items, positions };
}
