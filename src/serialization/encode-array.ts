import { inspect } from 'node:util';
import type { Encoder } from './encoder.js';
import { HeadFlag, Kind, Tag } from './format.js';
import { integrityOf } from './property-collector.js';
import { writeProperties } from './write-properties.js';

/** Up to here listing all keys costs less than asking for the ones that are no index. */
const SHORT = 64;
/** An array of which more is absent is carried by its keys. */
const MOST_HOLES = 1000;

/** What stands for an absent element while an array is looked at. */
const HOLE = Symbol('hole');

/** Writes an array: its elements, or all its properties where it is sparse or has unusual ones. `flags` may say that a prototype follows. */
export function encodeArray(
  encoder: Encoder,
  array: readonly unknown[],
  flags: number,
  prototype?: object | null,
): void {
  const integrity = integrityOf(array);
  const elements = collectElements(array, integrity);
  if (elements === undefined) {
    encodeSparse(encoder, array, flags | integrity, prototype);
    return;
  }
  const extras = extraKeys(array);
  encoder.head(Kind.Array, flags | integrity | (extras.length > 0 ? HeadFlag.Properties : 0), prototype);
  encoder.heads.varint(elements.length);
  if (extras.length > 0) writeProperties(encoder, array, extras, integrity);
  for (let index = 0; index < elements.length; index++) {
    const element = elements[index];
    if (element === HOLE) encoder.contents.byte(Tag.Hole);
    else encoder.value(element, index);
  }
}

function encodeSparse(
  encoder: Encoder,
  array: readonly unknown[],
  flags: number,
  prototype?: object | null,
): void {
  const keys = Reflect.ownKeys(array).filter((key) => key !== 'length' || hasFixedLength(array));
  encoder.head(Kind.SparseArray, flags | HeadFlag.Properties, prototype);
  encoder.heads.varint(array.length);
  writeProperties(encoder, array, keys, flags);
}

/** The elements, or `undefined` where one is no plain value, most are absent, or the length cannot change. */
function collectElements(array: readonly unknown[], integrity: number): unknown[] | undefined {
  if (integrity !== HeadFlag.Frozen && hasFixedLength(array)) return undefined;
  const elements: unknown[] = [];
  let holes = 0;
  for (let index = 0; index < array.length; index++) {
    const descriptor = Object.getOwnPropertyDescriptor(array, index);
    if (descriptor === undefined) {
      if (++holes > MOST_HOLES && holes > index / 2) return undefined;
      elements.push(HOLE);
    } else {
      if (!isUsual(descriptor, integrity)) return undefined;
      elements.push(descriptor.value);
    }
  }
  return elements;
}

function hasFixedLength(array: readonly unknown[]): boolean {
  return Object.getOwnPropertyDescriptor(array, 'length')?.writable === false;
}

function isUsual(descriptor: PropertyDescriptor, integrity: number): boolean {
  if (descriptor.enumerable !== true || descriptor.get !== undefined || descriptor.set !== undefined)
    return false;
  const isFixed = integrity === HeadFlag.Frozen || integrity === HeadFlag.Sealed;
  return (
    (descriptor.writable === true || integrity === HeadFlag.Frozen) &&
    (descriptor.configurable === true || isFixed)
  );
}

function extraKeys(array: readonly unknown[]): PropertyKey[] {
  if (array.length > SHORT && hasOnlyElements(array)) return [];
  const names = Object.getOwnPropertyNames(array);
  const symbols = Object.getOwnPropertySymbols(array);
  // Indices come first, `length` right after them.
  const lengthAt = names.indexOf('length');
  return [...names.slice(lengthAt + 1), ...symbols];
}

/** Printed without its elements, an array shows nothing else but what else it has; to list all keys of a long one takes far longer. */
function hasOnlyElements(array: readonly unknown[]): boolean {
  if (Object.getPrototypeOf(array) !== Array.prototype) return false;
  const text = inspect(array, { maxArrayLength: 0, depth: 0, customInspect: false, showHidden: true });
  return text === `[ ... ${array.length} more items, [length]: ${array.length} ]`;
}
