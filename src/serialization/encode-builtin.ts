import { inspect, types } from 'node:util';
import { encodeArray } from './encode-array.js';
import type { ClassInfo } from './class-info.js';
import type { Encoder } from './encoder.js';
import { BOXED_TYPES, BUFFER_VIEW, HeadFlag, Kind, VIEW_CONSTRUCTORS } from './format.js';
import { formatMapKey } from './path.js';
import { integrityOf } from './property-collector.js';
import { DETACHED, refusalOfClass } from './refusals.js';
import type { Slot } from './slots.js';
import { writeProperties } from './write-properties.js';

const linkedParams = new WeakMap<object, URL>();

/** Writes an object with hidden state that is carried. */
export function encodeBuiltin(
  encoder: Encoder,
  object: object,
  prototype: object | null,
  slot: Slot,
  info: ClassInfo,
): void {
  const writer = WRITERS[slot];
  // Newer versions of Node.js make it an error with hidden state of its own.
  if (info.builtin === 'DOMException') encodeDomException(encoder, object as DOMException, prototype);
  else if (writer !== undefined) writer(encoder, object as never, prototype);
  else if (info.builtin.endsWith('URLSearchParams'))
    encodeSearchParams(encoder, object as URLSearchParams, prototype);
  else if (info.builtin.endsWith('URL')) encodeUrl(encoder, object as URL, prototype);
  else refuseClass(encoder, info);
}

const WRITERS: Partial<Record<Slot, (encoder: Encoder, object: never, prototype: object | null) => void>> = {
  Array: (encoder, array: readonly unknown[], prototype) =>
    encodeArray(encoder, array, HeadFlag.Prototype, prototype),
  Map: encodeMap,
  Set: encodeSet,
  Date: encodeDate,
  RegExp: encodeRegExp,
  Error: encodeError,
  ArrayBuffer: encodeArrayBuffer,
  SharedArrayBuffer: encodeArrayBuffer,
  View: encodeView,
  Boxed: encodeBoxed,
};

/** Head and own properties; the head's other fields and the rest of the content follow. */
function begin(
  encoder: Encoder,
  kind: Kind,
  object: object,
  prototype: object | null,
  usual: object,
  keys: readonly PropertyKey[],
  fields?: () => void,
): void {
  const integrity = integrityOf(object);
  const flags =
    integrity | (prototype === usual ? 0 : HeadFlag.Prototype) | (keys.length > 0 ? HeadFlag.Properties : 0);
  encoder.head(kind, flags, prototype);
  fields?.();
  if (keys.length > 0) writeProperties(encoder, object, keys, integrity);
}

function encodeMap(encoder: Encoder, map: Map<unknown, unknown>, prototype: object | null): void {
  begin(encoder, Kind.Map, map, prototype, Map.prototype, Reflect.ownKeys(map));
  const entries: [unknown, unknown][] = [];
  // A subclass may have methods of its own that say something else.
  Map.prototype.forEach.call(map, (value, key) => entries.push([key, value]));
  encoder.contents.varint(entries.length);
  entries.forEach(([key, value], index) => {
    encoder.value(key, { text: `key ${index}` });
    const isPrimitive = typeof value !== 'object' && typeof value !== 'function';
    encoder.value(value, isPrimitive ? '' : { text: formatMapKey(key, index) });
  });
}

function encodeSet(encoder: Encoder, set: Set<unknown>, prototype: object | null): void {
  begin(encoder, Kind.Set, set, prototype, Set.prototype, Reflect.ownKeys(set));
  const elements: unknown[] = [];
  Set.prototype.forEach.call(set, (element) => elements.push(element));
  encoder.contents.varint(elements.length);
  elements.forEach((element, index) => encoder.value(element, { text: `element ${index}` }));
}

function encodeDate(encoder: Encoder, date: Date, prototype: object | null): void {
  begin(encoder, Kind.Date, date, prototype, Date.prototype, Reflect.ownKeys(date), () =>
    encoder.heads.double(Date.prototype.getTime.call(date)),
  );
}

function encodeRegExp(encoder: Encoder, regExp: RegExp, prototype: object | null): void {
  const keys = Reflect.ownKeys(regExp).filter((key) => key !== 'lastIndex');
  begin(encoder, Kind.RegExp, regExp, prototype, RegExp.prototype, keys, () => {
    encoder.heads.string(Reflect.get(RegExp.prototype, 'source', regExp));
    encoder.heads.string(Reflect.get(RegExp.prototype, 'flags', regExp));
  });
  encoder.value(regExp.lastIndex, 'lastIndex');
}

/** The stack is text, also where the engine makes it on first use, unless the program makes something else of it. */
function encodeError(encoder: Encoder, error: Error, prototype: object | null): void {
  const keys = Reflect.ownKeys(error).filter((key) => key !== 'stack');
  begin(encoder, Kind.Error, error, prototype, Error.prototype, keys);
  const stack: unknown = Object.hasOwn(error, 'stack') ? error.stack : undefined;
  encoder.value(stack, 'stack');
}

function encodeDomException(encoder: Encoder, error: DOMException, prototype: object | null): void {
  encoder.head(Kind.DomException, prototype === DOMException.prototype ? 0 : HeadFlag.Prototype, prototype);
  encoder.heads.string(error.message);
  encoder.heads.string(error.name);
}

function encodeUrl(encoder: Encoder, url: URL, prototype: object | null): void {
  const { searchParams } = url;
  // Met before their URL they were written as parameters of none.
  if (!linkedParams.has(searchParams) && encoder.has(searchParams)) encoder.mustRepeat = true;
  linkedParams.set(searchParams, url);
  begin(encoder, Kind.Url, url, prototype, URL.prototype, publicKeys(url), () =>
    encoder.heads.string(url.href),
  );
}

function encodeSearchParams(encoder: Encoder, params: URLSearchParams, prototype: object | null): void {
  const url = linkedParams.get(params);
  begin(
    encoder,
    Kind.UrlSearchParams,
    params,
    prototype,
    URLSearchParams.prototype,
    publicKeys(params),
    () => {
      encoder.heads.varint(url === undefined ? 0 : encoder.refer(url, { text: 'URL' }) + 1);
      encoder.heads.string(url === undefined ? params.toString() : '');
    },
  );
}

/** Older versions of Node.js keep state under symbols of their own. */
function publicKeys(object: object): PropertyKey[] {
  return Object.getOwnPropertyNames(object);
}

function encodeArrayBuffer(encoder: Encoder, buffer: ArrayBuffer, prototype: object | null): void {
  const isShared = types.isSharedArrayBuffer(buffer);
  if (!isShared && isDetached(buffer)) {
    encoder.refuse(DETACHED);
    encoder.placeholder();
    return;
  }
  const usual = isShared ? SharedArrayBuffer.prototype : ArrayBuffer.prototype;
  begin(encoder, Kind.ArrayBuffer, buffer, prototype, usual, Reflect.ownKeys(buffer), () => {
    encoder.heads.varint(buffer.byteLength);
    encoder.heads.varint(isResizable(buffer) ? buffer.maxByteLength + 1 : 0);
  });
  encoder.buffers.push({ id: encoder.current, buffer, ranges: undefined });
}

/** Small `Buffer`s are parts of one ArrayBuffer of Node.js, of which only what they show goes along. */
function pooled(encoder: Encoder, { buffer, byteOffset, byteLength }: ArrayBufferView): object {
  if (buffer.byteLength !== Buffer.poolSize || byteLength >= buffer.byteLength || wholePools.has(buffer))
    return buffer;
  let pool = pools.get(buffer);
  if (pool?.encoder !== encoder) pools.set(buffer, (pool = new Pool(encoder, buffer)));
  pool.ranges.push([byteOffset, byteOffset + byteLength]);
  return pool;
}

const pools = new WeakMap<ArrayBufferLike, Pool>();
const wholePools = new WeakSet<ArrayBufferLike>();

/** Stands for the ArrayBuffer that small `Buffer`s share. */
export class Pool {
  readonly encoder: Encoder;
  readonly buffer: ArrayBufferLike;
  readonly ranges: [number, number][] = [];

  constructor(encoder: Encoder, buffer: ArrayBufferLike) {
    this.encoder = encoder;
    this.buffer = buffer;
  }

  /** Writes the entry; the parts are complete when all entries are written. */
  encode(): void {
    const { encoder, buffer, ranges } = this;
    encoder.head(Kind.ArrayBuffer, 0);
    encoder.heads.varint(buffer.byteLength);
    encoder.heads.varint(0);
    encoder.buffers.push({ id: encoder.current, buffer, ranges });
  }
}

/** Where the value holds the ArrayBuffer of a pool itself, all of it must go along: gives whether another pass is needed. */
export function mustWidenPools(encoder: Encoder): boolean {
  let mustWiden = false;
  for (const { buffer, ranges } of encoder.buffers) {
    if (ranges === undefined || !encoder.has(buffer)) continue;
    wholePools.add(buffer);
    mustWiden = true;
  }
  return mustWiden;
}

function encodeView(encoder: Encoder, view: ArrayBufferView, prototype: object | null): void {
  const { buffer, byteOffset, byteLength } = view;
  if (isResizable(buffer) && byteOffset + byteLength === buffer.byteLength) {
    encoder.refuse({
      kind: 'a view of a resizable ArrayBuffer',
      reason: 'whether it grows with its buffer cannot be seen',
      suggestion: 'Keep the buffer alone, and make the view in initialize().',
    });
    encoder.placeholder();
    return;
  }
  const isBuffer = prototype === Buffer.prototype;
  const type = isBuffer ? BUFFER_VIEW : viewType(view);
  const constructor = isBuffer ? Buffer : VIEW_CONSTRUCTORS[type];
  const usual = (constructor as { readonly prototype: object }).prototype;
  begin(encoder, Kind.View, view, prototype, usual, extraKeys(view), () => {
    encoder.heads.byte(type);
    encoder.heads.varint(encoder.refer(isBuffer ? pooled(encoder, view) : buffer, 'buffer'));
    encoder.heads.varint(byteOffset);
    encoder.heads.varint(type === 0 ? byteLength : lengthOf(view));
  });
}

/** By the hidden state, whatever the prototype. */
function viewType(view: ArrayBufferView): number {
  const name: unknown = Reflect.get(TYPED_ARRAY, Symbol.toStringTag, view);
  return name === undefined ? 0 : VIEW_CONSTRUCTORS.findIndex((constructor) => constructor.name === name);
}

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;

function lengthOf(view: ArrayBufferView): number {
  return Reflect.get(TYPED_ARRAY, 'length', view) as number;
}

/** To list all keys of a long view takes far longer than to print it without its elements. */
function extraKeys(view: ArrayBufferView): PropertyKey[] {
  if (types.isDataView(view)) return Reflect.ownKeys(view);
  const length = lengthOf(view);
  if (
    length > SHORT &&
    ONLY_ELEMENTS.test(inspect(view, { maxArrayLength: 0, depth: 0, customInspect: false }))
  )
    return [];
  return Reflect.ownKeys(view).slice(length);
}

const SHORT = 64;
const ONLY_ELEMENTS = /^\w+\(\d+\) (?:\[\w+\] )?\[ \.\.\. \d+ more items? \]$/;

function encodeBoxed(encoder: Encoder, boxed: object, prototype: object | null): void {
  const primitive = unbox(boxed);
  const usual = Object.getPrototypeOf(Object(primitive)) as object;
  const text = typeof primitive === 'string' ? primitive.length : -1;
  const keys =
    text < 0
      ? Reflect.ownKeys(boxed)
      : Reflect.ownKeys(boxed)
          .slice(text)
          .filter((key) => key !== 'length');
  begin(encoder, Kind.Boxed, boxed, prototype, usual, keys, () => writePrimitive(encoder, primitive));
}

/** A primitive stands in the head, as the object cannot be made without it. */
function writePrimitive(encoder: Encoder, primitive: unknown): void {
  const { heads } = encoder;
  heads.byte(BOXED_TYPES.indexOf(typeof primitive));
  if (typeof primitive === 'number') heads.double(primitive);
  else if (typeof primitive === 'symbol') heads.varint(encoder.refer(primitive, { text: 'symbol' }));
  else heads.string(String(primitive));
}

function unbox(boxed: object): unknown {
  for (const prototype of [Number, String, Boolean, Symbol, BigInt].map((type) => type.prototype as object)) {
    try {
      return (Reflect.get(prototype, 'valueOf') as () => unknown).call(boxed);
    } catch {
      continue;
    }
  }
  return undefined;
}

function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    // To make a view of a detached buffer is an error.
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Newer than the types of the oldest Node.js that is supported. */
function isResizable(buffer: ArrayBufferLike): buffer is ArrayBuffer & { readonly maxByteLength: number } {
  const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
  return resizable === true || growable === true;
}

function refuseClass(encoder: Encoder, info: ClassInfo): void {
  encoder.refuse(
    refusalOfClass(`an instance of ${info.name}`, `it extends ${info.builtin}, whose state cannot be seen`),
  );
  encoder.placeholder();
}
