import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { UnreadBytes } from '../data/index.js';
import type { SliceReader } from '../wire/index.js';
import type { Part } from './giving.js';
import { lendersOf, statementOf, type Holder, type Statement } from './keeping.js';
import { mapBuffer } from './mapping.js';
import { copyOf, freshMemory } from './own-copy.js';
import { Slab, type Region } from './slab.js';
import { UnreadSlice } from './unread.js';

/** A part of another process's slab, which is returned when nobody here holds it any more. */
class Lease implements Region {
  readonly slab: LentSlab;
  readonly offset: number;
  readonly isShared: boolean;
  given: Part[] | undefined;
  readonly #onReturn: () => void;
  #count = 1;
  #isAbandoned = false;

  constructor(slab: LentSlab, offset: number, isShared: boolean, onReturn: () => void) {
    this.slab = slab;
    this.offset = offset;
    this.isShared = isShared;
    this.#onReturn = onReturn;
    slab.leaseCount++;
  }

  hold(): void {
    this.#count++;
  }

  release(): void {
    if (--this.#count > 0) return;
    if (!this.#isAbandoned) this.#onReturn();
    this.slab.leaseCount--;
    this.slab.forgetIfUnused();
  }

  /** Whoever got it from here may still read it: so it is never returned. */
  abandon(): void {
    this.#isAbandoned = true;
    this.release();
  }
}

/** A slab of another process. */
class LentSlab extends Slab {
  leaseCount = 0;
  /** The producer has said that no further slice lies here. */
  isOver = false;
  /** All of it, mapped, where items are borrowed. */
  buffer: ArrayBuffer | undefined;

  forgetIfUnused(): void {
    if (this.isOver && this.leaseCount === 0) this.forget();
  }
}

/** How the items of a channel are read. */
export interface SlabTableOptions {
  /** Sends a RETURN. */
  sendReturns(pairs: readonly number[]): void;
  /** Nobody keeps what is in an item: its bytes are views of the slabs, until {@link SlabTable.takeLeases} are released. */
  readonly isBorrowed: boolean;
  /** Whether several stages get each item. */
  readonly isShared: boolean;
  /** Whether tensors may go on to another channel: only then it pays to leave their elements where they are until somebody reads them. */
  readonly canPassOn: boolean;
}

/**
 * Returns go out with a credit, or once as many bytes or slices have gathered, or this long after the first: each frame wakes the producer,
 * which is at work.
 */
const RETURN = { bytes: 2 ** 23, slices: 256, afterMs: 2 } as const;

/** What the producer of one channel lends: its slabs, and slices of them. */
export class SlabTable implements SliceReader {
  readonly #options: SlabTableOptions;
  readonly #slabs = new Map<number, LentSlab>();
  #pairs: number[] = [];
  #bytesBack = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #isClosed = false;
  #borrowed: Region[] = [];
  /** Leases that have not been returned, by slab and offset. */
  readonly #out = new Map<Region, readonly [number, number]>();

  constructor(options: SlabTableOptions) {
    this.#options = options;
  }

  /**
   * Takes a SLAB.
   *
   * @throws RangeError where it is described wrongly or twice, or is not what it should be
   */
  announce(payload: unknown): void {
    const { slab, pid, fd, bytes } = (payload ?? {}) as Record<string, unknown>;
    if (!isCount(slab) || !isCount(pid) || !isCount(fd) || !isCount(bytes) || pid === 0 || bytes === 0)
      throw new RangeError('a SLAB is not a map of the numbers slab, pid, fd and bytes');
    if (this.#slabs.has(slab)) throw new RangeError(`slab ${slab} was announced twice`);
    this.#slabs.set(slab, new LentSlab(openSlab(pid, fd, bytes), bytes));
  }

  /**
   * Takes a FORGET.
   *
   * @throws RangeError where a slab was never announced
   */
  forget(payload: unknown): void {
    if (!Array.isArray(payload)) throw new RangeError('a FORGET is not a list');
    for (const number of payload as unknown[]) {
      const slab = this.#slabs.get(number as number);
      if (slab === undefined)
        throw new RangeError(`slab ${String(number)} is to be forgotten, and was never announced`);
      this.#slabs.delete(number as number);
      slab.isOver = true;
      slab.forgetIfUnused();
    }
  }

  read(number: number, offset: number, byteLength: number, isShared: boolean): Uint8Array {
    const lease = this.#lease(number, offset, byteLength, isShared);
    if (this.#options.isBorrowed) return this.#borrow(lease, byteLength);
    const bytes = copyOf(lease, freshMemory(byteLength));
    lease.release();
    return bytes;
  }

  lend(number: number, offset: number, byteLength: number, isShared: boolean): Uint8Array | UnreadBytes {
    const { isBorrowed, canPassOn } = this.#options;
    if (isBorrowed || !canPassOn) return this.read(number, offset, byteLength, isShared);
    return new UnreadSlice(this.#lease(number, offset, byteLength, isShared), byteLength);
  }

  /** What was lent since the last call, where items are only borrowed: to be released when they are done with. */
  takeLeases(): readonly Region[] {
    if (this.#borrowed.length === 0) return NONE;
    const leases = this.#borrowed;
    this.#borrowed = [];
    return leases;
  }

  #borrow(lease: Lease, byteLength: number): Uint8Array {
    this.#borrowed.push(lease);
    const { slab } = lease;
    slab.buffer ??= mapBuffer(slab, 0, slab.byteLength);
    return new Uint8Array(slab.buffer, lease.offset, byteLength);
  }

  #lease(number: number, offset: number, byteLength: number, isShared: boolean): Lease {
    const slab = this.#slabs.get(number);
    if (slab === undefined) throw new RangeError(`a SLICE of slab ${number}, which was not announced`);
    if (offset + byteLength > slab.byteLength) {
      throw new RangeError(
        `a SLICE of ${byteLength} bytes at ${offset} is not within the ${slab.byteLength} of its slab`,
      );
    }
    const lease: Lease = new Lease(slab, offset, isShared || this.#options.isShared, () => {
      this.#out.delete(lease);
      this.#giveBack(number, offset, byteLength);
    });
    this.#out.set(lease, [number, offset]);
    return lease;
  }

  /** Who keeps what the producer has lent: those that have got it from here are asked first. */
  findKeepers(answer: (statement: Statement) => void): void {
    const asked = lendersOf().filter((lender) =>
      lender.slicesOut().some(({ region }) => this.#out.has(region)),
    );
    let left = asked.length;
    const done = (): void => {
      if (--left <= 0) answer(this.#statement());
    };
    if (left === 0) done();
    for (const lender of asked) lender.ask(done);
  }

  #statement(): Statement {
    const holders = new Map<Region, Holder>();
    for (const { region, holder } of lendersOf().flatMap((lender) => lender.slicesOut()))
      if (holder !== undefined) holders.set(region, holder);
    return statementOf(new Map([...this.#out].map(([lease, place]) => [place, holders.get(lease)])));
  }

  #giveBack(number: number, offset: number, byteLength: number): void {
    if (this.#isClosed) return;
    this.#pairs.push(number, offset);
    this.#bytesBack += byteLength;
    // Outputs that these items lead to go first.
    if (this.#bytesBack >= RETURN.bytes || this.#pairs.length >= 2 * RETURN.slices)
      this.#immediate ??= setImmediate(this.flush.bind(this));
    else this.#timer ??= setTimeout(this.flush.bind(this), RETURN.afterMs).unref();
  }

  /** Sends the returns that have gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = this.#immediate = undefined;
    if (this.#pairs.length === 0) return;
    const pairs = this.#pairs;
    this.#pairs = [];
    this.#bytesBack = 0;
    this.#options.sendReturns(pairs);
  }

  /** The channel ends: what has not been returned by now never is, and its memory stays for those here who have it. */
  close(): void {
    this.flush();
    this.#isClosed = true;
    for (const slab of this.#slabs.values()) {
      slab.isOver = true;
      slab.forgetIfUnused();
    }
    this.#slabs.clear();
  }
}

const NONE: readonly Region[] = [];

function openSlab(pid: number, fd: number, byteLength: number): number {
  let opened: number;
  try {
    opened = openSync(`/proc/${pid}/fd/${fd}`, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw new RangeError(`a SLAB cannot be opened: ${(error as Error).message}`, { cause: error });
  }
  const found = fstatSync(opened);
  if (found.isFile() && found.nlink === 0 && found.uid === process.geteuid?.() && found.size >= byteLength)
    return opened;
  closeSync(opened);
  throw new RangeError(`a SLAB is no file of this user without a name and with ${byteLength} bytes`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
