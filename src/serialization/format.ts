/**
 * The layout of a payload. All numbers are unsigned LEB128 ("varint") unless said otherwise.
 *
 * ```text
 * envelope   magic "RMSZ", format, flags, Node.js major, package version, seal (CRC-32, or HMAC-SHA-256 with a key)
 * body       modules, shapes, heads, contents, root value, buffers
 * ```
 *
 * Every object is one entry of a table: its *head* says how to make it empty, its *content* what to put into it. Heads and contents
 * refer to other entries by number, so cycles and depth need no recursion on either side.
 */
export const MAGIC = 0x525a4d53;
/** Changes whenever bytes of an older version would be read wrongly. */
export const FORMAT_VERSION = 1;

/** How one value stands in a content. From `SHORT_STRING` on the byte carries the value as well. */
export const Tag = {
  Undefined: 0,
  Null: 1,
  True: 2,
  False: 3,
  /** Zigzag varint of 32 bits. */
  Integer: 4,
  Double: 5,
  String: 6,
  BigInt: 7,
  /** Number of a table entry. */
  Reference: 8,
  /** Absent element of an array. */
  Hole: 9,
  /** Latin-1 string of 0 to 63 characters. */
  ShortString: 0x40,
  /** Integer from 0 to 127. */
  SmallInteger: 0x80,
} as const;

/** What a table entry is. */
export const Kind = {
  Object: 1,
  NullObject: 2,
  Instance: 3,
  Array: 4,
  SparseArray: 5,
  Map: 6,
  Set: 7,
  Date: 8,
  RegExp: 9,
  Url: 10,
  UrlSearchParams: 11,
  Error: 12,
  ArrayBuffer: 13,
  View: 14,
  Boxed: 15,
  DomException: 16,
  WellKnownSymbol: 20,
  RegisteredSymbol: 21,
  Symbol: 22,
  Global: 23,
  Export: 24,
  Namespace: 25,
  /** The `prototype` of a function of the table. */
  Prototype: 30,
  Function: 31,
  Class: 32,
  Bound: 34,
  Require: 35,
  ImportMeta: 36,
  ImportFunction: 37,
  /** Made by calling a function of the table with arguments: hooks. */
  Made: 40,
  /** What the receiver sent before, by its number in that payload. */
  Origin: 42,
  /** An instance that is given its state by a hook of its own. */
  Stated: 41,
} as const;

/** A kind of table entry. */
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Set in the byte of a kind when a byte of {@link HeadFlag} follows. */
export const HAS_FLAGS = 0x80;

/** What sets an object apart from a fresh one of its kind. */
export const HeadFlag = {
  /** The number of its prototype plus 1 follows; 0 is a null prototype. */
  Prototype: 1,
  /** Its content begins with a shape and the values of own properties. */
  Properties: 2,
  NonExtensible: 4,
  Sealed: 8,
  Frozen: 16,
  /** `EventEmitter` must be called on it first. */
  Emitter: 32,
  /** It does so with `captureRejections`. */
  CapturesRejections: 64,
} as const;

/** How a {@link Kind.Made} is made. */
export const MakeMode = {
  /** By calling the function, with `new` where it is a class. */
  Call: 0,
  /** By the static hook of the class. */
  Deserialize: 1,
} as const;

/** Attributes of a property in a shape; 0 is that of a plain assignment. */
export const Attribute = { Accessor: 1, NonEnumerable: 2, NonWritable: 4, NonConfigurable: 8 } as const;

/** Which views there are; a view's number is its position. */
export const VIEW_CONSTRUCTORS: readonly (new (
  buffer: ArrayBufferLike,
  byteOffset?: number,
  length?: number,
) => ArrayBufferView)[] = [
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  bufferOver as never,
];

function bufferOver(buffer: ArrayBuffer, byteOffset: number, length: number): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/** The number of Node.js' `Buffer` among the views. */
export const BUFFER_VIEW = 12;

/** How an ArrayBuffer is carried. */
export const BufferMode = { Inline: 0, OutOfBand: 1, Ranges: 2 } as const;

/** How a by-value function is made again. */
export const FunctionFlag = {
  Strict: 1,
  /** The text is a member of an object literal. */
  Method: 2,
  /** The number of its lexical `this` follows. */
  This: 4,
  /** Its name follows. */
  Name: 8,
} as const;

/** What a boxed primitive can be; a type's number is its position. */
export const BOXED_TYPES: readonly string[] = ['number', 'string', 'boolean', 'bigint', 'symbol'];
