import { ftruncateSync, writeSync } from 'node:fs';
import { InvalidArgumentError, RemoteMediaError } from '../errors/index.js';
import { blockBytesFor, blocksPerSlab } from './block-size.js';
import {
  FOLDER_VARIABLE,
  freeBytesIn,
  isFullError,
  isTooManyFiles,
  openUnnamed,
  slabFolder,
  whyUnusable,
  type SlabFolder,
} from './folder.js';
import type { Part } from './giving.js';
import { MOST_AT_ONCE } from './own-copy.js';
import { Remains } from './remains.js';
import { Slab, type Region } from './slab.js';

/** What is kept of slabs that nobody uses: their memory need not be reserved anew. */
const IDLE_BYTES = 64 * 2 ** 20;
/** As many idle slabs stay whatever their size: large blocks are used again as well. */
const IDLE_SLABS = 2;

/** A slab of this arena: blocks of one size. */
class OwnSlab extends Slab {
  readonly blockBytes: number;
  /** How many blocks have been used; those behind them have no memory yet. */
  reservedCount = 0;
  heldCount = 0;
  /** A consumer has gone without returning a block: nothing more is put into this slab. */
  isRetired = false;

  constructor(fd: number, blockBytes: number) {
    super(fd, blockBytes * blocksPerSlab(blockBytes));
    this.blockBytes = blockBytes;
  }

  get reservedBytes(): number {
    return this.reservedCount * this.blockBytes;
  }

  get isFull(): boolean {
    return this.reservedCount * this.blockBytes === this.byteLength;
  }
}

/** A part of one of the arena's slabs, from `take` until whoever took it and all consumers have let go of it. */
export class Block implements Region {
  readonly slab: Slab;
  readonly offset: number;
  readonly byteLength: number;
  /** Whoever gets it alone may write to it. */
  readonly isShared = false;
  given: Part[] | undefined;
  readonly #onFree: (isAbandoned: boolean) => void;
  #count = 1;
  #isAbandoned = false;

  constructor(slab: Slab, offset: number, byteLength: number, onFree: (isAbandoned: boolean) => void) {
    this.slab = slab;
    this.offset = offset;
    this.byteLength = byteLength;
    this.#onFree = onFree;
  }

  hold(): void {
    this.#count++;
  }

  release(): void {
    if (--this.#count === 0) this.#onFree(this.#isAbandoned);
  }

  abandon(): void {
    this.#isAbandoned = true;
    this.release();
  }
}

/** The blocks of one size that have been used and are free now: the last one used is the first to be taken, as it is still in the cache. */
type FreeBlocks = { readonly slab: OwnSlab; readonly offset: number }[];

/** This thread's own slabs. A slab has blocks of one size, so that it cannot fragment. */
export class Arena {
  readonly folder: string;
  /** Most bytes that its slabs may take. */
  readonly limitBytes: number;
  /** Why there is no shared memory here, where there is none. */
  readonly problem: Error | undefined;
  readonly #free = new Map<number, FreeBlocks>();
  readonly #newest = new Map<number, OwnSlab>();
  readonly #slabs = new Set<OwnSlab>();
  readonly #remains = new Remains();

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the environment names what cannot be used */
  constructor({ path, limitBytes }: Pick<SlabFolder, 'path' | 'limitBytes'> = slabFolder()) {
    this.folder = path;
    const problem = whyUnusable(path);
    if (problem !== undefined && !isFullError(problem)) {
      this.problem = problem;
      if (process.env[FOLDER_VARIABLE] === path) throw unusable(path, problem);
    }
    this.limitBytes = this.problem === undefined ? limitBytes : 0;
  }

  /** How much memory its slabs take now. */
  get reservedBytes(): number {
    let sum = 0;
    for (const slab of this.#slabs) sum += slab.reservedBytes;
    return sum;
  }

  /**
   * Takes a block; `undefined` where the limit leaves no room for it.
   *
   * @param reserve - reserves the memory of a block that was never used; by default writing to it does that
   * @param isBeyondLimit - whether it may take more than the limit together with others
   * @throws RemoteMediaError `RM_SHARED_MEMORY_FULL`
   */
  take(
    byteLength: number,
    reserve?: (fd: number, offset: number, byteLength: number) => void,
    isBeyondLimit = false,
  ): Block | undefined {
    const blockBytes = blockBytesFor(byteLength);
    const used = this.#free.get(blockBytes)?.pop();
    if (used !== undefined) return this.#block(used.slab, used.offset);
    const remaining = this.#remains.openBytes();
    if (this.reservedBytes + remaining + blockBytes > this.limitBytes) {
      this.#closeIdle(0, 0);
      const others = isBeyondLimit ? 0 : this.reservedBytes + remaining;
      if (others + blockBytes > this.limitBytes) return undefined;
    }
    return this.#orFull(byteLength, () => this.#takeNew(blockBytes, reserve));
  }

  /**
   * Takes a block and puts bytes into it; as {@link Arena.take}.
   *
   * @throws RemoteMediaError as {@link Arena.take}
   */
  put(bytes: Uint8Array, isBeyondLimit = false): Block | undefined {
    const block = this.take(bytes.byteLength, undefined, isBeyondLimit);
    if (block === undefined) return undefined;
    const { fd } = block.slab;
    try {
      this.#orFull(bytes.byteLength, () => {
        writeFully(fd, bytes, block.offset);
      });
    } catch (error) {
      block.release();
      throw error;
    }
    return block;
  }

  #takeNew(
    blockBytes: number,
    reserve: ((fd: number, offset: number, byteLength: number) => void) | undefined,
  ): Block {
    let slab = this.#newest.get(blockBytes);
    if (slab === undefined || slab.isFull || slab.isRetired || slab.isForgotten) {
      this.#closeIdle(IDLE_BYTES, IDLE_SLABS);
      slab = new OwnSlab(openUnnamed(this.folder), blockBytes);
      ftruncateSync(slab.fd, slab.byteLength);
      this.#slabs.add(slab);
      this.#newest.set(blockBytes, slab);
    }
    const offset = slab.reservedBytes;
    reserve?.(slab.fd, offset, blockBytes);
    slab.reservedCount++;
    return this.#block(slab, offset);
  }

  #block(slab: OwnSlab, offset: number): Block {
    slab.heldCount++;
    return new Block(slab, offset, slab.blockBytes, (isAbandoned) => {
      this.#putBack(slab, offset, isAbandoned);
    });
  }

  #putBack(slab: OwnSlab, offset: number, isAbandoned: boolean): void {
    slab.heldCount--;
    if (isAbandoned && !slab.isRetired) this.#retire(slab);
    if (slab.isRetired) {
      if (slab.heldCount === 0) this.#close(slab);
      return;
    }
    const free = this.#free.get(slab.blockBytes) ?? [];
    this.#free.set(slab.blockBytes, free);
    free.push({ slab, offset });
    if (slab.heldCount === 0) this.#closeIdle(IDLE_BYTES, IDLE_SLABS);
  }

  #retire(slab: OwnSlab): void {
    slab.isRetired = true;
    this.#dropFree(slab);
  }

  #dropFree(slab: OwnSlab): void {
    const free = this.#free.get(slab.blockBytes) ?? [];
    this.#free.set(
      slab.blockBytes,
      free.filter((block) => block.slab !== slab),
    );
  }

  #close(slab: OwnSlab): void {
    this.#dropFree(slab);
    this.#slabs.delete(slab);
    if (slab.isRetired) this.#remains.add(slab.fd, slab.reservedBytes);
    slab.forget();
  }

  /** Closes slabs that nobody uses, the oldest first, until at most as many bytes or as many slabs of them are left. */
  #closeIdle(mostBytes: number, mostSlabs: number): void {
    const idle = [...this.#slabs].filter((slab) => slab.heldCount === 0);
    let left = idle.reduce((sum, slab) => sum + slab.reservedBytes, 0);
    for (const slab of idle.slice(0, Math.max(idle.length - mostSlabs, 0))) {
      if (left <= mostBytes && mostBytes > 0) return;
      left -= slab.reservedBytes;
      this.#close(slab);
    }
  }

  /** Where the folder is full, what is idle makes room once. Too many open files are no room, as the limit is. */
  #orFull<T>(byteLength: number, attempt: () => T): T | undefined {
    try {
      return attempt();
    } catch (error) {
      if (!isFullError(error) && !isTooManyFiles(error)) throw error;
    }
    this.#closeIdle(0, 0);
    try {
      return attempt();
    } catch (error) {
      if (isTooManyFiles(error)) return undefined;
      throw isFullError(error) ? fullError(this.folder, byteLength, error) : error;
    }
  }
}

/** A positioned write may take less than all where the folder is nearly full; the next one says so. */
function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.byteLength)
    written += writeSync(
      fd,
      bytes,
      written,
      Math.min(bytes.byteLength - written, MOST_AT_ONCE),
      position + written,
    );
}

function fullError(folder: string, byteLength: number, cause: unknown): RemoteMediaError {
  return new RemoteMediaError(
    'RM_SHARED_MEMORY_FULL',
    `The folder ${folder} for shared memory is full: ${byteLength} bytes are needed, and ${freeBytesIn(folder)} are free. ` +
      `Give it more room (in a container: a larger --shm-size), or let ${FOLDER_VARIABLE} name another folder.`,
    { cause },
  );
}

function unusable(folder: string, cause: Error): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `${FOLDER_VARIABLE} is ${JSON.stringify(folder)}, where no file without a name can be made: ${cause.message}. ` +
      'Name a folder in memory (tmpfs) that this user may write to.',
    { cause },
  );
}

let own: Arena | undefined;

/**
 * The arena of this thread.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the environment names what cannot be used
 */
export function ownArena(): Arena {
  return (own ??= new Arena());
}
