import { fstatSync, readFileSync } from 'node:fs';

/**
 * Slabs that are not used any more here, and that consumers may have open: their memory counts for the limit as well. A Python consumer
 * has a lock on each that it has open, which everybody can see.
 */
export class Remains {
  #byteLengths = new Map<string, number>();

  /** A slab is let go of; a consumer may have it open. */
  add(fd: number, byteLength: number): void {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    this.#byteLengths.set(`${hex(major)}:${hex(minor)}:${ino}`, byteLength);
  }

  /** How many bytes are still open elsewhere. */
  openBytes(): number {
    if (this.#byteLengths.size === 0) return 0;
    const locked = lockedFiles();
    let sum = 0;
    for (const [name, byteLength] of this.#byteLengths) {
      if (locked.has(name)) sum += byteLength;
      else this.#byteLengths.delete(name);
    }
    return sum;
  }
}

function hex(number: bigint): string {
  return number.toString(16).padStart(2, '0');
}

/** By device and number, as the system names them. */
function lockedFiles(): ReadonlySet<string> {
  try {
    return new Set(readFileSync('/proc/locks', 'utf8').split(/\s+/));
  } catch {
    // Not on every system.
    return new Set();
  }
}
