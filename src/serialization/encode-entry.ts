import { types } from 'node:util';
import { Pool } from './encode-builtin.js';
import { encodeFunction } from './encode-function.js';
import { namedExport } from './encode-hooked.js';
import { encodeFields, encodeObject, Fields } from './encode-object.js';
import { encodeSymbol } from './encode-reference.js';
import type { Encoder } from './encoder.js';
import { Kind } from './format.js';
import { PROXY } from './refusals.js';
import { writeExport } from './write-places.js';

/** Writes head and content of one table entry. */
export function encodeEntry(encoder: Encoder, entry: object | symbol): void {
  if (typeof entry === 'symbol') {
    encodeSymbol(encoder, entry);
  } else if (types.isProxy(entry)) {
    // Before anything else is asked of it: traps are code.
    encoder.refuse(PROXY);
    encoder.placeholder();
  } else if (encoder.settings.arrivals !== undefined && encodeReturning(encoder, entry)) {
    return;
  } else if (typeof entry === 'function') {
    encodeFunction(encoder, entry as (...args: never) => unknown);
  } else if (entry instanceof Pool) {
    entry.encode();
  } else {
    const place = namedExport(entry);
    if (place === undefined) encodeObject(encoder, entry);
    else writeExport(encoder, place);
  }
}

/** Writes what the receiver has sent, and fields of it; gives whether an entry is such. */
function encodeReturning(encoder: Encoder, entry: object): boolean {
  const origin = encoder.originOf(entry);
  if (origin !== undefined) {
    encoder.heads.byte(Kind.Origin);
    encoder.heads.varint(origin);
    return true;
  }
  if (!(entry instanceof Fields)) return false;
  encodeFields(encoder, entry);
  return true;
}
