import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type { Slab } from './slab.js';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
/** What `mmap` gives where it fails: −1 as an address. */
const MAP_FAILED = 2n ** 64n - 1n;

/** What is used of the optional dependency `koffi`. */
interface Koffi {
  load(library: null): { func(signature: string): (...values: unknown[]) => unknown };
  view(address: bigint, byteLength: number): ArrayBuffer;
}

/** What the C library does for mappings. */
interface Native {
  readonly koffi: Koffi;
  map(fd: number, byteLength: number): bigint;
  unmap(address: bigint, byteLength: number): void;
  /** Reserves memory of a file; gives the number of the error, or 0. */
  reserve(fd: number, offset: number, byteLength: number): number;
}

let native: Native | null | undefined;

/** Whether memory can be mapped here: the optional dependency `koffi` is installed. Loads it. */
export function canMap(): boolean {
  return loadNative() !== null;
}

function loadNative(): Native | null {
  return (native ??= tryToLoad());
}

function tryToLoad(): Native | null {
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    // It is optional, and on a platform without a prebuilt binary it may be there and not load.
    return null;
  }
  const libc = koffi.load(null);
  const mmap = libc.func(
    'void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)',
  );
  const munmap = libc.func('int munmap(void *addr, size_t length)');
  const fallocate = libc.func('int posix_fallocate(int fd, int64_t offset, int64_t length)');
  return {
    koffi,
    map: (fd, byteLength) => mmap(null, byteLength, PROT_READ_WRITE, MAP_SHARED, fd, 0) as bigint,
    unmap: (address, byteLength) => {
      munmap(address, byteLength);
    },
    reserve: (fd, offset, byteLength) => fallocate(fd, offset, byteLength) as number,
  };
}

/** The memory of a slab in this process. It stays mapped for as long as a buffer over it lives. */
class Mapping {
  readonly native: Native;
  readonly address: bigint;
  readonly byteLength: number;
  #useCount = 0;
  #isDone = false;

  constructor(from: Native, slab: Slab) {
    this.native = from;
    this.byteLength = slab.byteLength;
    const address = from.map(slab.fd, slab.byteLength);
    if (address === MAP_FAILED) throw new Error(`${slab.byteLength} bytes of shared memory cannot be mapped`);
    this.address = address;
    slab.watch({
      slabForgotten: () => {
        this.#isDone = true;
        this.#unmapIfUnused();
      },
    });
  }

  /** A buffer over a part of it; the mapping knows of it until {@link Mapping.drop}. */
  view(offset: number, byteLength: number): ArrayBuffer {
    this.#useCount++;
    return this.native.koffi.view(this.address + BigInt(offset), byteLength);
  }

  /** A buffer is not there any more. */
  drop(): void {
    this.#useCount--;
    this.#unmapIfUnused();
  }

  #unmapIfUnused(): void {
    if (this.#isDone && this.#useCount === 0) this.native.unmap(this.address, this.byteLength);
  }
}

const mappings = new WeakMap<Slab, Mapping>();
const collected = new FinalizationRegistry((onGone: () => void) => {
  onGone();
});

/**
 * A buffer over a part of a slab, without a copy. The memory stays mapped for as long as the buffer lives.
 *
 * @param onGone - called once nobody has the buffer any more
 * @throws Error where nothing can be mapped
 */
export function mapBuffer(slab: Slab, offset: number, byteLength: number, onGone?: () => void): ArrayBuffer {
  const from = loadNative();
  if (from === null) throw new Error('the optional dependency koffi is not installed');
  const mapping = mappings.get(slab) ?? new Mapping(from, slab);
  mappings.set(slab, mapping);
  const buffer = mapping.view(offset, byteLength);
  collected.register(buffer, () => {
    mapping.drop();
    onGone?.();
  });
  return buffer;
}

/**
 * Reserves memory of a file before it is written through a mapping: a page that there is no room for would end the process.
 *
 * @throws Error with the `code` of the system
 */
export function reserveMapped(fd: number, offset: number, byteLength: number): void {
  const errno = loadNative()?.reserve(fd, offset, byteLength) ?? 0;
  if (errno === 0) return;
  const code = constants.errno.ENOSPC === errno ? 'ENOSPC' : 'EIO';
  throw Object.assign(new Error(`posix_fallocate: error ${errno}`), { code });
}

let detacher: ReadableByteStreamController | undefined;
let drain: () => void = () => undefined;

/**
 * Takes a buffer away from whoever has it: it is empty from then on. The memory stays as it is.
 *
 * Node.js 20 has no `ArrayBuffer.prototype.transfer`, and structured cloning copies memory that lies outside of V8's; a byte stream, which
 * takes over what is put into it, is the one way that is left.
 */
export function detach(buffer: ArrayBuffer): void {
  if (detacher === undefined) {
    const stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        detacher = controller;
      },
    });
    const reader = stream.getReader();
    drain = () => void reader.read();
  }
  detacher?.enqueue(new Uint8Array(buffer));
  drain();
}
