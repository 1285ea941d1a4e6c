import type { UnreadBytes } from '../data/index.js';
import { SliceExtension, type SliceWriter } from '../wire/index.js';
import { blockOf, giveAway } from './allocate.js';
import { ownArena, type Arena, type Keeper } from './arena.js';
import type { Region, Slab, SlabWatcher } from './slab.js';
import { UnreadSlice } from './unread.js';

/** What the ledger of a channel needs to know of it. */
export interface SliceLedgerOptions {
  /** The first node that the channel feeds; `undefined` where it feeds the end of the pipeline alone. */
  readonly nodeId: string | undefined;
  /** Whether others get the same items, so that nobody may write to memory that was not copied for this channel. */
  readonly isShared: boolean;
  /** Sends a SLAB. */
  announce(slab: object): void;
  /** Sends a FORGET. */
  forget(numbers: readonly number[]): void;
  /** Bytes for which the consumer has not given credit back. */
  bytesOut(): number;
}

/** A slice that the consumer has. */
interface Slice {
  readonly region: Region;
  readonly byteLength: number;
  /** Whether it lies in a slab of this thread's own. */
  readonly isOwn: boolean;
}

/** What a channel has put into shared memory, and what its consumer has of it. */
export class SliceLedger implements SliceWriter, Keeper, SlabWatcher {
  readonly #options: SliceLedgerOptions;
  readonly #arena: Arena;
  readonly #announced = new Set<Slab>();
  /** By slab and offset: the same bytes may be out several times. */
  readonly #out = new Map<number, Map<number, Slice[]>>();
  #outCount = 0;
  #ownCount = 0;
  #ownBytes = 0;
  /** What the item that is being lowered has been given, until it is known to go. */
  #placed: (readonly [offset: number, slice: Slice])[] = [];
  #given: Uint8Array[] = [];

  constructor(options: SliceLedgerOptions) {
    this.#options = options;
    this.#arena = ownArena();
    this.#arena.addKeeper(this);
  }

  get nodeId(): string | undefined {
    return this.#options.nodeId;
  }

  place(bytes: Uint8Array): SliceExtension | undefined {
    const allocated = blockOf(bytes);
    if (allocated !== undefined) {
      if (!this.#options.isShared) this.#given.push(bytes);
      allocated.hold();
      return this.#add(
        allocated,
        allocated.offset + bytes.byteOffset,
        bytes.byteLength,
        this.#options.isShared,
        true,
      );
    }
    const block = this.#arena.put(bytes);
    return block && this.#add(block, block.offset, bytes.byteLength, false, true);
  }

  pass(bytes: UnreadBytes): SliceExtension | undefined {
    if (!(bytes instanceof UnreadSlice) || bytes.region.slab.isForgotten) return undefined;
    const { region, byteLength } = bytes;
    region.hold();
    return this.#add(region, region.offset, byteLength, this.#options.isShared || region.isShared, false);
  }

  #add(
    region: Region,
    offset: number,
    byteLength: number,
    isShared: boolean,
    isOwn: boolean,
  ): SliceExtension {
    this.#placed.push([offset, { region, byteLength, isOwn }]);
    return new SliceExtension([region.slab.number, offset, byteLength, isShared]);
  }

  /** The item whose bytes were placed goes: its slabs are announced, and its slices are out. */
  commit(): void {
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
    if (this.#placed.length === 0) return;
    for (const [, { region }] of this.#placed) region.release();
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
    if (offsets === undefined) this.#out.set(number, (offsets = new Map<number, Slice[]>()));
    const slices = offsets.get(offset);
    if (slices === undefined) offsets.set(offset, [slice]);
    else slices.push(slice);
    this.#outCount++;
    if (!slice.isOwn) return;
    this.#ownCount++;
    this.#ownBytes += slice.byteLength;
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
      const slice = slices?.pop();
      if (slice === undefined)
        throw new RangeError(
          `a RETURN of slab ${String(slab)}, offset ${String(offset)}, which is not leased`,
        );
      if (slices?.length === 0) this.#out.get(slab)?.delete(offset);
      this.#outCount--;
      if (slice.isOwn) {
        this.#ownCount--;
        this.#ownBytes -= slice.byteLength;
      }
      slice.region.release();
    }
  }

  /** Whether the consumer has slices that it has not returned. */
  get isLent(): boolean {
    return this.#outCount > 0;
  }

  kept(): { count: number; byteLength: number } {
    const byteLength = Math.max(this.#ownBytes - this.#options.bytesOut(), 0);
    return { count: byteLength === 0 ? 0 : this.#ownCount, byteLength };
  }

  slabForgotten(slab: Slab): void {
    this.#announced.delete(slab);
    this.#out.delete(slab.number);
    this.#options.forget([slab.number]);
  }

  /** The channel is closed: what the consumer has not returned it may go on reading, so it is not used again. */
  close(): void {
    this.#arena.removeKeeper(this);
    this.rollBack();
    for (const slab of this.#announced) slab.unwatch(this);
    this.#announced.clear();
    const out = [...this.#out.values()].flatMap((offsets) => [...offsets.values()].flat());
    this.#out.clear();
    for (const { region } of out) region.abandon();
  }
}
