import { Tag } from './format.js';

const SHORT_STRING_LIMIT = 64;
/** Below this the loop is faster than the call into native code. */
const LOOP_LIMIT = 24;

const BEYOND_LATIN1 = /[^\u0000-\u00ff]/u;

/** Bytes that grow at the end. Little-endian. */
export class ByteWriter {
  #bytes: Buffer;
  #view: DataView;
  #length = 0;

  constructor(capacity = 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
    this.#view = viewOf(this.#bytes);
  }

  /** How much has been written, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** How much memory it holds, in bytes. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** What has been written; valid until more is written. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written, keeps the memory. */
  clear(): void {
    this.#length = 0;
  }

  /** Gives its memory back. */
  reset(): void {
    this.#bytes = Buffer.allocUnsafe(1024);
    this.#view = viewOf(this.#bytes);
    this.#length = 0;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8);
    const bytes = this.#bytes;
    let rest = value;
    while (rest >= 0x80) {
      bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    bytes[this.#length++] = rest;
  }

  double(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A string of any length: `length × 2 + isTwoByte`, then its code units. */
  string(value: string): void {
    if (value.length < LOOP_LIMIT && !this.#hasWide(value)) {
      this.varint(value.length * 2);
      this.#latin1(value);
    } else if (BEYOND_LATIN1.test(value)) {
      this.varint(value.length * 2 + 1);
      this.#reserve(value.length * 2);
      this.#bytes.write(value, this.#length, 'utf16le');
      this.#length += value.length * 2;
    } else {
      this.varint(value.length * 2);
      this.#latin1(value);
    }
  }

  /** A string as a tagged value. */
  stringValue(value: string): void {
    if (value.length < SHORT_STRING_LIMIT && !this.#hasWide(value)) {
      this.byte(Tag.ShortString | value.length);
      this.#latin1(value);
    } else {
      this.byte(Tag.String);
      this.string(value);
    }
  }

  /** A number as a tagged value. */
  numberValue(value: number): void {
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 0x80) {
        this.byte(Tag.SmallInteger | value);
      } else {
        this.byte(Tag.Integer);
        this.varint(((value << 1) ^ (value >> 31)) >>> 0);
      }
    } else {
      this.byte(Tag.Double);
      this.double(value);
    }
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #hasWide(value: string): boolean {
    for (let index = 0; index < value.length; index++) if (value.charCodeAt(index) > 0xff) return true;
    return false;
  }

  #latin1(value: string): void {
    this.#reserve(value.length);
    if (value.length < LOOP_LIMIT) {
      const bytes = this.#bytes;
      let at = this.#length;
      for (let index = 0; index < value.length; index++) bytes[at++] = value.charCodeAt(index);
      this.#length = at;
    } else {
      this.#bytes.write(value, this.#length, 'latin1');
      this.#length += value.length;
    }
  }

  #reserve(count: number): void {
    if (this.#length + count > this.#bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
