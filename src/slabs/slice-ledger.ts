import type { UnreadBytes } from '../data/index.js';
import { SliceExtension, type SliceWriter } from '../wire/index.js';
import { blockOf, giveAway } from './allocate.js';
import { Block, ownArena, type Arena } from './arena.js';
import { give, takeBack, type Giving, type Part } from './giving.js';
import {
  addLender,
  blame,
  lendersOf,
  readStatement,
  removeLender,
  type Holder,
  type Lender,
  type SliceOut,
} from './keeping.js';
import type { Region, Slab, SlabWatcher } from './slab.js';
import { UnreadSlice } from './unread.js';

/** What the ledger of a channel needs to know of it. */
export interface SliceLedgerOptions {
  /** The first node that the channel feeds; `undefined` where it feeds the end of the pipeline alone. */
  readonly nodeId: string | undefined;
  /** What may be sent in place, where it lies in shared memory already. */
  readonly giving: Giving;
  /** Sends a SLAB. */
  announce(slab: object): void;
  /** Sends a FORGET. */
  forget(numbers: readonly number[]): void;
  /** Asks the consumer who keeps what; gives whether that was possible. */
  ask(): boolean;
  /** The run: its channels are blamed together. */
  readonly run: object;
}

/** More would not fit into a frame. */
const MOST_INLINE_BYTES = 512 * 2 ** 20;

/** A slice that goes to the consumer. */
interface Slice {
  readonly region: Region;
  readonly byteLength: number;
  /** What was noted as given, where it lay in shared memory before. */
  readonly part?: Part;
}

/** A slice that the consumer has. */
interface Out {
  readonly slice: Slice;
  /** Of its item, counted from 1. */
  readonly number: number;
  /** The node that keeps it, as far as the consumer has said. */
  holder: Holder | undefined;
}

/** What a channel has put into shared memory, and what its consumer has of it. */
export class SliceLedger implements SliceWriter, Lender, SlabWatcher {
  readonly #options: SliceLedgerOptions;
  readonly #arena: Arena;
  readonly #announced = new Set<Slab>();
  /** By slab and offset: the same bytes may be out several times. */
  readonly #out = new Map<number, Map<number, Out[]>>();
  #outCount = 0;
  #itemCount = 0;
  #creditedCount = 0;
  hasNews = false;
  #isAsking = false;
  #askers: (() => void)[] = [];
  /** How many bytes may lack room before the consumer is asked again. */
  #patience = 0;
  /** Bytes of the item that is being lowered that found no room. */
  #inlineBytes = 0;
  /** What the item that is being lowered has been given, until it is known to go. */
  #placed: (readonly [offset: number, slice: Slice])[] = [];
  #given: Uint8Array[] = [];
  #isGivenTwice = false;

  constructor(options: SliceLedgerOptions) {
    this.#options = options;
    this.#arena = ownArena();
    addLender(this);
  }

  get run(): object {
    return this.#options.run;
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  place(bytes: Uint8Array): SliceExtension | undefined {
    const { isShared, canGiveAway } = this.#options.giving;
    const allocated = canGiveAway ? blockOf(bytes) : undefined;
    if (allocated !== undefined) {
      const offset = allocated.offset + bytes.byteOffset;
      const slice = this.#give({ region: allocated, byteLength: bytes.byteLength }, offset, isShared);
      if (slice !== undefined && !isShared) this.#given.push(bytes);
      if (slice !== undefined) return slice;
    }
    const block = this.#arena.put(bytes) ?? this.#putBeyondLimit(bytes);
    if (block === undefined) return undefined;
    return this.#add({ region: block, byteLength: bytes.byteLength }, block.offset, false);
  }

  pass(bytes: UnreadBytes): SliceExtension | undefined {
    const { isShared, canPassOn } = this.#options.giving;
    if (!canPassOn || this.#isGivenTwice || !(bytes instanceof UnreadSlice) || bytes.region.slab.isForgotten)
      return undefined;
    const { region, byteLength } = bytes;
    return this.#give({ region, byteLength }, region.offset, isShared || region.isShared);
  }

  /** A slice of memory that is shared already; `undefined` where a copy has to go. */
  #give(slice: Slice, offset: number, isShared: boolean): SliceExtension | undefined {
    const part = give(slice.region, { start: offset, end: offset + slice.byteLength, isShared });
    if (part === undefined) {
      // Who gives something twice may do so again, and after the first time others may have changed it.
      this.#isGivenTwice = true;
      return undefined;
    }
    slice.region.hold();
    return this.#add({ ...slice, part }, offset, isShared);
  }

  /**
   * There is no room: the consumers of the run are asked why, and nothing waits. Only what would not fit into a frame takes more memory.
   *
   * @throws RemoteMediaError `RM_MEMORY_KEPT` where they have said so, and keep too much
   */
  #putBeyondLimit(bytes: Uint8Array): Block | undefined {
    const { limitBytes } = this.#arena;
    const channels = lendersOf(this.run);
    if (channels.some(({ hasNews }) => hasNews)) {
      for (const channel of channels) channel.hasNews = false;
      blame(channels, limitBytes);
    }
    this.#patience -= bytes.byteLength;
    if (this.#patience <= 0 && !channels.some(({ isAsking }) => isAsking)) this.#ask(channels, limitBytes);
    this.#inlineBytes += bytes.byteLength;
    return this.#inlineBytes > MOST_INLINE_BYTES ? this.#arena.put(bytes, true) : undefined;
  }

  #ask(channels: readonly Lender[], limitBytes: number): void {
    this.#patience = limitBytes / 64;
    const keptBytes = channels.reduce((sum, channel) => sum + channel.keptBytes(), 0);
    if (keptBytes === 0 || keptBytes * 2 < limitBytes) return;
    this.#patience = limitBytes / 2;
    for (const channel of channels) channel.ask();
  }

  #add(slice: Slice, offset: number, isShared: boolean): SliceExtension {
    this.#placed.push([offset, slice]);
    return new SliceExtension([slice.region.slab.number, offset, slice.byteLength, isShared]);
  }

  /** The item whose bytes were placed goes: its slabs are announced, and its slices are out. */
  commit(): void {
    this.#itemCount++;
    this.#inlineBytes = 0;
    if (this.#placed.length === 0) return;
    for (const [offset, slice] of this.#placed) {
      const { slab } = slice.region;
      if (!this.#announced.has(slab)) this.#announce(slab);
      this.#note(offset, slice);
    }
    for (const bytes of this.#given) giveAway(bytes);
    this.#placed = [];
    this.#given = [];
  }

  /** The item cannot go. */
  rollBack(): void {
    this.#inlineBytes = 0;
    if (this.#placed.length === 0) return;
    for (const [, { region, part }] of this.#placed) {
      if (part !== undefined) takeBack(region, part);
      region.release();
    }
    this.#placed = [];
    this.#given = [];
  }

  #announce(slab: Slab): void {
    this.#announced.add(slab);
    slab.watch(this);
    this.#options.announce({ slab: slab.number, pid: process.pid, fd: slab.fd, bytes: slab.byteLength });
  }

  #note(offset: number, slice: Slice): void {
    const { number } = slice.region.slab;
    let offsets = this.#out.get(number);
    if (offsets === undefined) this.#out.set(number, (offsets = new Map<number, Out[]>()));
    const out = { slice, number: this.#itemCount, holder: undefined };
    const slices = offsets.get(offset);
    if (slices === undefined) offsets.set(offset, [out]);
    else slices.push(out);
    this.#outCount++;
  }

  /**
   * Takes a RETURN.
   *
   * @throws RangeError where something is returned that is not leased
   */
  takeBack(payload: unknown): void {
    if (!Array.isArray(payload) || payload.length % 2 !== 0)
      throw new RangeError('a RETURN is not a list of pairs');
    const pairs = payload as number[];
    for (let index = 0; index < pairs.length; index += 2) {
      const [slab, offset] = [pairs[index] as number, pairs[index + 1] as number];
      const slices = this.#out.get(slab)?.get(offset);
      const out = slices?.pop();
      if (out === undefined)
        throw new RangeError(
          `a RETURN of slab ${String(slab)}, offset ${String(offset)}, which is not leased`,
        );
      if (slices?.length === 0) this.#out.get(slab)?.delete(offset);
      this.#outCount--;
      out.slice.region.release();
    }
  }

  /** Whether the consumer has slices that it has not returned. */
  get isLent(): boolean {
    return this.#outCount > 0;
  }

  /** The consumer is done with so many items more. */
  credited(items: number): void {
    this.#creditedCount += items;
  }

  keptBytes(): number {
    const blocks = new Map<Region, number>();
    for (const { number, slice } of this.#allOut())
      if (number <= this.#creditedCount) blocks.set(slice.region, blockBytesOf(slice));
    let sum = 0;
    for (const byteLength of blocks.values()) sum += byteLength;
    return sum;
  }

  slicesOut(): SliceOut[] {
    const waiting = this.#placed.map(([, slice]) => ({ slice, holder: undefined }));
    return [...waiting, ...this.#allOut()].map(({ slice, holder }) => ({
      region: slice.region,
      holder,
      blockBytes: blockBytesOf(slice),
    }));
  }

  #allOut(): Out[] {
    return [...this.#out.values()].flatMap((offsets) => [...offsets.values()].flat());
  }

  ask(done?: () => void): void {
    if (done !== undefined) this.#askers.push(done);
    if (this.#isAsking) return;
    this.#isAsking = this.#options.ask();
    if (!this.#isAsking) this.#answer();
  }

  /**
   * Takes a KEPT.
   *
   * @throws RangeError where it is none
   */
  takeStatement(payload: unknown): void {
    const { several, inside, passed } = readStatement(payload);
    const { nodeId } = this.#options;
    const own = nodeId === undefined ? undefined : { nodeId, isOneOfSeveral: several };
    const numbers = new Set(this.#allOut().map(({ number }) => number));
    const done = [...numbers].filter((number) => number <= this.#creditedCount).sort((a, b) => b - a);
    const newest = done[inside] ?? 0;
    for (const out of this.#allOut()) out.holder = out.number <= newest ? own : undefined;
    for (const [id, isOneOfSeveral, pairs] of passed) {
      const holder = id === null ? undefined : { nodeId: id, isOneOfSeveral };
      for (let index = 0; index < pairs.length; index += 2) {
        const slices = this.#out.get(pairs[index] as number)?.get(pairs[index + 1] as number) ?? [];
        for (const out of slices) out.holder = out.number <= newest ? holder : undefined;
      }
    }
    this.hasNews = true;
    this.#answer();
  }

  #answer(): void {
    this.#isAsking = false;
    for (const done of this.#askers.splice(0)) done();
  }

  slabForgotten(slab: Slab): void {
    this.#announced.delete(slab);
    this.#out.delete(slab.number);
    this.#options.forget([slab.number]);
  }

  /** The channel is closed: what the consumer has not returned it may go on reading, so it is not used again. */
  close(): void {
    removeLender(this);
    this.rollBack();
    for (const slab of this.#announced) slab.unwatch(this);
    this.#announced.clear();
    const out = this.#allOut();
    this.#out.clear();
    for (const { slice } of out) slice.region.abandon();
    this.#answer();
  }
}

function blockBytesOf({ region }: Slice): number {
  return region instanceof Block ? region.byteLength : 0;
}
