import { PayloadError } from '../errors/index.js';

/** Reads what a {@link ByteWriter} wrote, and throws a `PayloadError` instead of reading past the end. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.end = end;
  }

  /** How many bytes are left. */
  get left(): number {
    return this.end - this.position;
  }

  byte(): number {
    if (this.position >= this.end) throw tooShort();
    return this.#bytes[this.position++] as number;
  }

  varint(): number {
    let result = this.byte();
    if (result < 0x80) return result;
    result &= 0x7f;
    for (let scale = 0x80; scale <= 0x1000000000000; scale *= 0x80) {
      const byte = this.byte();
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
    }
    throw new PayloadError('a number has too many bytes');
  }

  /** A varint that counts things of at least `minBytes` each, so that a wrong one allocates nothing. */
  count(minBytes = 1): number {
    const count = this.varint();
    if (count * minBytes > this.left) throw tooShort();
    return count;
  }

  /** A varint below a limit: a position in a table. */
  below(limit: number, what: string): number {
    const value = this.varint();
    if (value >= limit) throw new PayloadError(`${what} ${value} of ${limit} does not exist`);
    return value;
  }

  double(): number {
    const at = this.#advance(8);
    return this.#view.getFloat64(at, true);
  }

  string(): string {
    const header = this.varint();
    const length = Math.floor(header / 2);
    return header % 2 === 0 ? this.latin1(length) : this.#utf16(length);
  }

  latin1(length: number): string {
    const at = this.#advance(length);
    return this.#bytes.toString('latin1', at, at + length);
  }

  /** A view of the next bytes, not a copy. */
  raw(length: number): Buffer {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  #utf16(length: number): string {
    const at = this.#advance(length * 2);
    return this.#bytes.toString('utf16le', at, at + length * 2);
  }

  #advance(count: number): number {
    if (count > this.left) throw tooShort();
    const at = this.position;
    this.position += count;
    return at;
  }
}

function tooShort(): PayloadError {
  return new PayloadError('it ends too early');
}
