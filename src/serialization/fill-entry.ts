import { PayloadError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import { Attribute, HeadFlag, Kind } from './format.js';
import type { ParsedPayload, ShapeRecord } from './parse-payload.js';
import { HOLE, readValue } from './value-reader.js';

/** A shape whose keys are keys. */
export interface DecodedShape {
  readonly keys: readonly PropertyKey[];
  readonly attributes: readonly number[] | undefined;
  /** A plain object may have these by assignment. */
  readonly canAssign: boolean;
}

/** Looks up the symbols among the keys. */
export function resolveShapes(shapes: readonly ShapeRecord[], entries: readonly unknown[]): DecodedShape[] {
  return shapes.map(({ keys, attributes }) => ({
    keys: keys.map((key) => {
      const resolved = typeof key === 'string' ? key : entries[key];
      if (typeof resolved === 'string' || typeof resolved === 'symbol') return resolved;
      throw new PayloadError('a key is neither text nor symbol');
    }),
    attributes,
    // `__proto__` is the only name of which an assignment means something else; an accessor of a prototype is looked for elsewhere.
    canAssign: attributes === undefined && !keys.includes('__proto__'),
  }));
}

/** Puts the content of one entry into it. */
export function fillEntry(
  payload: ParsedPayload,
  reader: ByteReader,
  entries: readonly unknown[],
  shapes: readonly DecodedShape[],
  id: number,
): void {
  const kind = payload.kinds[id] as Kind;
  const entry = entries[id] as object;
  if (((payload.flags[id] as number) & HeadFlag.Properties) !== 0) {
    if (kind === Kind.SparseArray) (entry as unknown[]).length = payload.numbers[id] as number;
    const shape = shapes[reader.below(shapes.length, 'shape')] as DecodedShape;
    fillProperties(reader, entries, entry, shape, false);
  }
  switch (kind) {
    case Kind.Object:
    case Kind.NullObject:
    case Kind.Instance: {
      const shape = shapes[payload.numbers[id] as number] as DecodedShape;
      fillProperties(reader, entries, entry, shape, kind !== Kind.Instance || isFree(entry, shape));
      break;
    }
    case Kind.Array:
      fillArray(reader, entries, entry as unknown[], payload.numbers[id] as number);
      break;
    default:
      fillOther(reader, entries, entry, kind);
  }
}

function fillProperties(
  reader: ByteReader,
  entries: readonly unknown[],
  entry: object,
  shape: DecodedShape,
  mayAssign: boolean,
): void {
  const { keys, attributes } = shape;
  if (mayAssign && shape.canAssign) {
    const target = entry as Record<PropertyKey, unknown>;
    for (const key of keys) target[key] = readValue(reader, entries);
    return;
  }
  keys.forEach((key, index) => {
    const attribute = attributes?.[index] ?? 0;
    const isAccessor = (attribute & Attribute.Accessor) !== 0;
    const first = readValue(reader, entries);
    const descriptor: PropertyDescriptor = {
      enumerable: (attribute & Attribute.NonEnumerable) === 0,
      configurable: (attribute & Attribute.NonConfigurable) === 0,
    };
    if (isAccessor) {
      descriptor.get = first as () => unknown;
      descriptor.set = readValue(reader, entries) as (value: unknown) => void;
    } else {
      descriptor.value = first;
      descriptor.writable = (attribute & Attribute.NonWritable) === 0;
    }
    if (!define(entry, key, descriptor)) throw new PayloadError(`property ${String(key)} cannot be set`);
  });
}

function define(entry: object, key: PropertyKey, descriptor: PropertyDescriptor): boolean {
  try {
    return Reflect.defineProperty(entry, key, descriptor);
  } catch {
    return false;
  }
}

/** The last answer: instances of one class mostly follow each other. */
let lastPrototype: object | null = null;
let lastShape: DecodedShape | undefined;
let lastAnswer = false;

/** Whether nothing above an instance has a say in an assignment. */
function isFree(entry: object, shape: DecodedShape): boolean {
  const prototype = Object.getPrototypeOf(entry) as object | null;
  if (prototype !== lastPrototype || shape !== lastShape) {
    lastPrototype = prototype;
    lastShape = shape;
    lastAnswer = prototype === null || shape.keys.every((key) => !(key in prototype));
  }
  return lastAnswer;
}

function fillArray(reader: ByteReader, entries: readonly unknown[], array: unknown[], length: number): void {
  for (let index = 0; index < length; index++) {
    const value = readValue(reader, entries);
    if (value === HOLE) array.length = index + 1;
    else array[index] = value;
  }
}

function fillOther(reader: ByteReader, entries: readonly unknown[], entry: object, kind: Kind): void {
  switch (kind) {
    case Kind.Map:
      for (let left = reader.count(2); left > 0; left--) {
        const key = readValue(reader, entries);
        Map.prototype.set.call(entry as Map<unknown, unknown>, key, readValue(reader, entries));
      }
      break;
    case Kind.Set:
      for (let left = reader.count(); left > 0; left--)
        Set.prototype.add.call(entry as Set<unknown>, readValue(reader, entries));
      break;
    case Kind.RegExp:
      (entry as RegExp).lastIndex = readValue(reader, entries) as number;
      break;
    case Kind.Error: {
      const stack = readValue(reader, entries);
      if (stack !== undefined)
        Object.defineProperty(entry, 'stack', {
          value: stack,
          writable: true,
          enumerable: false,
          configurable: true,
        });
      break;
    }
    case Kind.Function:
    case Kind.Class: {
      const prototype = readValue(reader, entries);
      const target = entry as { prototype?: unknown };
      if (prototype !== undefined && target.prototype !== prototype) target.prototype = prototype;
      break;
    }
    case Kind.Stated:
      readValue(reader, entries);
      break;
    case Kind.Made:
      for (let left = reader.count(); left > 0; left--) readValue(reader, entries);
      break;
    case Kind.Bound:
      readValue(reader, entries);
      for (let left = reader.count(); left > 0; left--) readValue(reader, entries);
      break;
    default:
  }
}
