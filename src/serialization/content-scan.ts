import { PayloadError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import { HeadFlag, Kind, Tag } from './format.js';
import type { ParsedPayload } from './parse-payload.js';

/** What a look through all contents gives: where each begins, and which entries it refers to. */
export interface ContentMap {
  readonly rootAt: number;
  readonly offsets: Float64Array;
  /** Where the values of the scopes begin. */
  readonly scopesAt: number;
  /** For each entry, and behind them for each scope. */
  readonly references: readonly (readonly number[])[];
}

/** Goes through all contents without making anything: after it, nothing in them can be out of place. */
export function scanContents(payload: ParsedPayload, reader: ByteReader): ContentMap {
  return new Scan(payload, reader).run();
}

class Scan {
  readonly #payload: ParsedPayload;
  readonly #reader: ByteReader;
  #found: number[] = [];

  constructor(payload: ParsedPayload, reader: ByteReader) {
    this.#payload = payload;
    this.#reader = reader;
  }

  run(): ContentMap {
    const { size, contentsAt, contentsEnd, scopes } = this.#payload;
    const reader = this.#reader;
    const offsets = new Float64Array(size);
    const references: number[][] = [];
    reader.position = contentsAt;
    this.#values(1);
    for (let id = 0; id < size; id++) {
      offsets[id] = reader.position;
      this.#found = [];
      this.#content(id);
      references.push(this.#found);
    }
    const scopesAt = reader.position;
    for (const { names } of scopes) {
      this.#found = [];
      this.#values(names.length);
      references.push(this.#found);
    }
    if (reader.position !== contentsEnd) throw new PayloadError('its contents do not end where they should');
    return { rootAt: contentsAt, offsets, scopesAt, references };
  }

  #content(id: number): void {
    const { kinds, flags, numbers } = this.#payload;
    const kind = kinds[id] as Kind;
    if (((flags[id] as number) & HeadFlag.Properties) !== 0)
      this.#shape(this.#reader.below(this.#payload.shapes.length, 'shape'));
    switch (kind) {
      case Kind.Object:
      case Kind.NullObject:
      case Kind.Instance:
        this.#shape(numbers[id] as number);
        break;
      case Kind.Array:
        this.#values(numbers[id] as number);
        break;
      case Kind.Map:
        this.#values(this.#reader.count(2) * 2);
        break;
      case Kind.Set:
      case Kind.Made:
        this.#values(this.#reader.count());
        break;
      case Kind.Bound:
        this.#values(1);
        this.#values(this.#reader.count());
        break;
      case Kind.RegExp:
      case Kind.Error:
      case Kind.Stated:
      case Kind.Function:
      case Kind.Class:
        this.#values(1);
        break;
      default:
    }
  }

  #shape(position: number): void {
    const { keys, attributes } = this.#payload.shapes[position] ?? { keys: [], attributes: undefined };
    const accessors = attributes?.filter((attribute) => (attribute & 1) !== 0).length ?? 0;
    this.#values(keys.length + accessors);
  }

  #values(count: number): void {
    for (let left = count; left > 0; left--) this.#value();
  }

  #value(): void {
    const reader = this.#reader;
    const tag = reader.byte();
    if (tag >= Tag.SmallInteger) return;
    if (tag >= Tag.ShortString) {
      reader.raw(tag - Tag.ShortString);
      return;
    }
    switch (tag) {
      case Tag.Integer:
        reader.varint();
        break;
      case Tag.Double:
        reader.raw(8);
        break;
      case Tag.String:
      case Tag.BigInt:
        reader.string();
        break;
      case Tag.Reference:
        this.#found.push(reader.below(this.#payload.size, 'entry'));
        break;
      default:
        if (tag > Tag.Hole) throw new PayloadError(`it has values of the unknown kind ${tag}`);
    }
  }
}
