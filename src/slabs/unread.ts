import type { Tensor, UnreadBytes } from '../data/index.js';
import { slabFolder } from './folder.js';
import { copyOf, freshMemory } from './own-copy.js';
import type { Region } from './slab.js';

/** Most bytes of tensors that nobody has read, as long as they lie in memory that others wait for. */
const MOST_BYTES = 64 * 2 ** 20;

/** A part of another process's slab as the elements of a tensor, until somebody reads them. */
export class UnreadSlice implements UnreadBytes {
  readonly region: Region;
  readonly byteLength: number;
  /**
   * Made at once, though it may never be filled: what is not touched costs nothing, and the engine collects as if the tensor had its
   * elements. Else it would let thousands of them lie about, each with memory that the producer waits for.
   */
  readonly #memory: Uint8Array;
  #entry: Entry | undefined;

  constructor(region: Region, byteLength: number) {
    this.region = region;
    this.byteLength = byteLength;
    this.#memory = freshMemory(byteLength);
  }

  /** When the tensor is collected, or has to make room, the region is let go. */
  belongTo(tensor: Tensor): void {
    this.#entry = unread.add(tensor, this);
  }

  read(): Uint8Array {
    copyOf(this.region, this.#memory);
    if (this.#entry !== undefined) unread.remove(this.#entry);
    return this.#memory;
  }
}

interface Entry {
  readonly tensor: WeakRef<Tensor>;
  readonly region: Region;
  readonly byteLength: number;
}

/** All tensors of this thread that nobody has read, the oldest first. */
class Unread {
  readonly #entries = new Set<Entry>();
  #byteLength = 0;
  #mostBytes: number | undefined;
  readonly #collected = new FinalizationRegistry<Entry>((entry) => {
    this.#letGo(entry);
  });

  add(tensor: Tensor, { region, byteLength }: UnreadSlice): Entry {
    const entry = { tensor: new WeakRef(tensor), region, byteLength };
    this.#entries.add(entry);
    this.#collected.register(tensor, entry, entry);
    this.#byteLength += byteLength;
    this.#mostBytes ??= Math.min(MOST_BYTES, Math.floor(slabFolder().limitBytes / 16));
    while (this.#byteLength > this.#mostBytes && this.#entries.size > 1) this.#readOldest();
    return entry;
  }

  /** The tensor has been read. */
  remove(entry: Entry): void {
    this.#collected.unregister(entry);
    this.#letGo(entry);
  }

  /** A node may keep a tensor for as long as it likes: it gets its own copy, and the producer its memory. */
  #readOldest(): void {
    const [oldest] = this.#entries;
    if (oldest === undefined) return;
    // To look at its elements is to read them, which lets go of the region.
    if (oldest.tensor.deref()?.data === undefined) this.#letGo(oldest);
  }

  #letGo(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    this.#byteLength -= entry.byteLength;
    entry.region.release();
  }
}

const unread = new Unread();
