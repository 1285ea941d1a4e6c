import { PayloadError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import {
  BOXED_TYPES,
  BufferMode,
  FunctionFlag,
  HAS_FLAGS,
  HeadFlag,
  Kind,
  VIEW_CONSTRUCTORS,
} from './format.js';
import type { FunctionText, ScopeRecord } from './link-code.js';

/** A shape as it was written: symbols are numbers of entries. */
export interface ShapeRecord {
  readonly keys: readonly (string | number)[];
  /** Absent where all are those of plain assignment. */
  readonly attributes: readonly number[] | undefined;
}

/** What a head says besides kind and flags. */
export type HeadRecord = Readonly<
  Record<string, number | string | boolean | readonly string[] | FunctionText | undefined>
>;

/** A payload taken apart. Nothing of it has been made, let alone run. */
export interface ParsedPayload {
  readonly modules: readonly string[];
  readonly shapes: readonly ShapeRecord[];
  readonly scopes: readonly ScopeRecord[];
  /** How many entries there are; the arrays below have one item for each. */
  readonly size: number;
  readonly kinds: Uint8Array;
  readonly flags: Uint8Array;
  /** Prototype plus 1; 0 for null. Meaningful with `HeadFlag.Prototype`. */
  readonly prototypes: Uint32Array;
  /** Of objects: the shape. Of arrays: the length. */
  readonly numbers: Uint32Array;
  /** Of instances: the prototype. */
  readonly parents: Uint32Array;
  readonly records: readonly (HeadRecord | undefined)[];
  readonly contentsAt: number;
  readonly contentsEnd: number;
  readonly buffers: ReadonlyMap<number, ArrayBufferLike>;
  /** What this program sent before, and what the payload may refer to. */
  readonly origins: ReadonlyMap<number, object>;
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
/** More than any array can have. */
const LENGTH_LIMIT = 2 ** 32;

/** Takes a body apart. Checks every number that could lead out of it. */
export function parsePayload(
  reader: ByteReader,
  outOfBand: readonly ArrayBufferLike[],
  origins: ReadonlyMap<number, object>,
): ParsedPayload {
  const modules = readModules(reader);
  const shapes = readShapes(reader);
  const scopes = readScopes(reader);
  const size = reader.varint();
  const headsLength = reader.varint();
  const contentsLength = reader.varint();
  if (size > headsLength || headsLength + contentsLength > reader.left)
    throw new PayloadError('its sections are longer than it is');
  const contentsAt = reader.position + headsLength;
  const parser = new HeadParser(reader, {
    size,
    modules: modules.length,
    shapes: shapes.length,
    scopes: scopes.length,
    contentsLength,
  });
  parser.run();
  if (reader.position !== contentsAt) throw new PayloadError('its heads do not end where they should');
  const contentsEnd = contentsAt + contentsLength;
  reader.position = contentsEnd;
  const buffers = readBuffers(reader, parser, outOfBand);
  if (reader.left > 0) throw new PayloadError('something follows its end');
  return { modules, shapes, scopes, size, ...parser.tables(), contentsAt, contentsEnd, buffers, origins };
}

function readModules(reader: ByteReader): string[] {
  return Array.from({ length: reader.count() }, () => reader.string());
}

function readShapes(reader: ByteReader): ShapeRecord[] {
  return Array.from({ length: reader.count() }, () => {
    const header = reader.varint();
    const count = Math.floor(header / 2);
    if (count > reader.left) throw new PayloadError('a shape is longer than the payload');
    const attributes: number[] | undefined = header % 2 === 1 ? [] : undefined;
    const keys: (string | number)[] = [];
    for (let index = 0; index < count; index++) {
      if (attributes !== undefined) attributes.push(reader.byte());
      keys.push(reader.byte() === 1 ? reader.varint() : reader.string());
    }
    return { keys, attributes };
  });
}

function readScopes(reader: ByteReader): ScopeRecord[] {
  const count = reader.count();
  return Array.from({ length: count }, (_, position) => {
    const parent = reader.below(position + 1, 'scope') - 1;
    const url = parent === -1 ? reader.string() : '';
    const names = Array.from({ length: reader.count() }, () => reader.string());
    if (new Set(names).size !== names.length || !names.every((name) => IDENTIFIER.test(name)))
      throw new PayloadError('a scope has names that no variables can have');
    return { parent, url, names };
  });
}

interface Limits {
  readonly size: number;
  readonly modules: number;
  readonly shapes: number;
  readonly scopes: number;
  readonly contentsLength: number;
}

class HeadParser {
  readonly #reader: ByteReader;
  readonly #limits: Limits;
  readonly #kinds: Uint8Array;
  readonly #flags: Uint8Array;
  readonly #prototypes: Uint32Array;
  readonly #numbers: Uint32Array;
  readonly #parents: Uint32Array;
  readonly #records: (HeadRecord | undefined)[] = [];
  /** Entries that are ArrayBuffers, in order. */
  readonly bufferIds: number[] = [];

  constructor(reader: ByteReader, limits: Limits) {
    this.#reader = reader;
    this.#limits = limits;
    this.#kinds = new Uint8Array(limits.size);
    this.#flags = new Uint8Array(limits.size);
    this.#prototypes = new Uint32Array(limits.size);
    this.#numbers = new Uint32Array(limits.size);
    this.#parents = new Uint32Array(limits.size);
  }

  run(): void {
    for (let id = 0; id < this.#limits.size; id++) this.#parseHead(id);
  }

  tables(): Pick<ParsedPayload, 'kinds' | 'flags' | 'prototypes' | 'numbers' | 'parents' | 'records'> {
    return {
      kinds: this.#kinds,
      flags: this.#flags,
      prototypes: this.#prototypes,
      numbers: this.#numbers,
      parents: this.#parents,
      records: this.#records,
    };
  }

  recordOf(id: number): HeadRecord {
    return this.#records[id] ?? {};
  }

  #parseHead(id: number): void {
    const reader = this.#reader;
    const first = reader.byte();
    const kind = first & ~HAS_FLAGS;
    this.#kinds[id] = kind;
    if (first !== kind) {
      const flags = reader.byte();
      this.#flags[id] = flags;
      if ((flags & HeadFlag.Prototype) !== 0)
        this.#prototypes[id] = reader.below(this.#limits.size + 1, 'prototype');
    }
    switch (kind) {
      case Kind.Instance:
        this.#parents[id] = this.#entry();
        this.#numbers[id] = reader.below(this.#limits.shapes, 'shape');
        break;
      case Kind.Object:
      case Kind.NullObject:
        this.#numbers[id] = reader.below(this.#limits.shapes, 'shape');
        break;
      case Kind.Array:
        this.#numbers[id] = this.#length(this.#limits.contentsLength + 1);
        break;
      case Kind.SparseArray:
        this.#numbers[id] = this.#length(LENGTH_LIMIT);
        break;
      case Kind.Map:
      case Kind.Set:
      case Kind.Error:
        break;
      default:
        this.#records[id] = this.#parseRecord(kind, id);
    }
  }

  #parseRecord(kind: number, id: number): HeadRecord {
    const reader = this.#reader;
    switch (kind) {
      case Kind.Date:
        return { time: reader.double() };
      case Kind.RegExp:
        return { source: reader.string(), flags: reader.string() };
      case Kind.Url:
        return { href: reader.string() };
      case Kind.UrlSearchParams:
        return { url: reader.below(this.#limits.size + 1, 'URL'), text: reader.string() };
      case Kind.Boxed:
        return this.#boxed();
      case Kind.DomException:
        return { message: reader.string(), name: reader.string() };
      case Kind.ArrayBuffer:
        this.bufferIds.push(id);
        return { byteLength: reader.varint(), maxByteLength: reader.varint() };
      case Kind.View:
        return {
          type: reader.below(VIEW_CONSTRUCTORS.length, 'type of view'),
          buffer: this.#entry(),
          byteOffset: reader.varint(),
          length: reader.varint(),
        };
      default:
        return this.#parseCode(kind);
    }
  }

  #parseCode(kind: number): HeadRecord {
    const reader = this.#reader;
    switch (kind) {
      case Kind.WellKnownSymbol:
      case Kind.RegisteredSymbol:
        return { name: reader.string() };
      case Kind.Symbol:
        return { hasName: reader.byte() === 1, name: reader.string() };
      case Kind.Global:
        return { module: reader.string(), path: this.#path() };
      case Kind.Export:
        return { module: reader.below(this.#limits.modules, 'module'), path: this.#path() };
      case Kind.Namespace:
        return { module: reader.below(this.#limits.modules, 'module') };
      case Kind.Require:
      case Kind.ImportMeta:
      case Kind.ImportFunction:
        return { url: reader.string() };
      case Kind.Prototype:
      case Kind.Stated:
      case Kind.Bound:
        return { target: this.#entry() };
      case Kind.Function:
      case Kind.Class:
        return this.#function();
      case Kind.Origin:
        return { number: reader.varint() };
      case Kind.Made:
        return { mode: reader.byte(), target: this.#entry() };
      default:
        throw new PayloadError(`it has entries of the unknown kind ${kind}`);
    }
  }

  #function(): HeadRecord {
    const reader = this.#reader;
    const flags = reader.byte();
    const text: FunctionText = {
      scope: reader.below(this.#limits.scopes, 'scope'),
      code: reader.string(),
      isStrict: (flags & FunctionFlag.Strict) !== 0,
      isMethod: (flags & FunctionFlag.Method) !== 0,
    };
    return {
      text,
      self: (flags & FunctionFlag.This) === 0 ? undefined : this.#entry(),
      name: (flags & FunctionFlag.Name) === 0 ? undefined : reader.string(),
    };
  }

  #boxed(): HeadRecord {
    const type = BOXED_TYPES[this.#reader.below(BOXED_TYPES.length, 'type')];
    if (type === 'number') return { type, number: this.#reader.double() };
    return type === 'symbol' ? { type, symbol: this.#entry() } : { type, text: this.#reader.string() };
  }

  #path(): string[] {
    return Array.from({ length: this.#reader.count() }, () => this.#reader.string());
  }

  #entry(): number {
    return this.#reader.below(this.#limits.size, 'entry');
  }

  #length(limit: number): number {
    return this.#reader.below(limit, 'length');
  }
}

function readBuffers(
  reader: ByteReader,
  parser: HeadParser,
  outOfBand: readonly ArrayBufferLike[],
): Map<number, ArrayBufferLike> {
  const buffers = new Map<number, ArrayBufferLike>();
  for (const id of parser.bufferIds) {
    const { byteLength, maxByteLength } = parser.recordOf(id) as {
      byteLength: number;
      maxByteLength: number;
    };
    buffers.set(id, readBuffer(reader, byteLength, maxByteLength, outOfBand));
  }
  return buffers;
}

function readBuffer(
  reader: ByteReader,
  byteLength: number,
  maxByteLength: number,
  outOfBand: readonly ArrayBufferLike[],
): ArrayBufferLike {
  const mode = reader.byte();
  if (mode === BufferMode.OutOfBand) {
    const buffer = outOfBand[reader.varint()];
    if (buffer?.byteLength !== byteLength)
      throw new PayloadError(
        `a buffer of ${byteLength} bytes that travels beside it is not there`,
        'Give deserialize() the list `buffers` that serialize() filled.',
      );
    return buffer;
  }
  // Ranges are those of a pool of Node.js.
  if (byteLength > (mode === BufferMode.Ranges ? Buffer.poolSize : reader.left))
    throw new PayloadError('a buffer is longer than the payload');
  const buffer = allocate(byteLength, maxByteLength);
  const bytes = new Uint8Array(buffer);
  if (mode === BufferMode.Inline) {
    bytes.set(reader.raw(byteLength));
  } else {
    for (let left = reader.count(); left > 0; left--) {
      const start = reader.below(byteLength + 1, 'byte');
      const length = reader.below(byteLength - start + 1, 'byte');
      bytes.set(reader.raw(length), start);
    }
  }
  return buffer;
}

function allocate(byteLength: number, maxByteLength: number): ArrayBuffer {
  if (maxByteLength === 0) return new ArrayBuffer(byteLength);
  // The types of the oldest Node.js that is supported do not know the option.
  const Resizable = ArrayBuffer as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
  return new Resizable(byteLength, { maxByteLength: maxByteLength - 1 });
}
