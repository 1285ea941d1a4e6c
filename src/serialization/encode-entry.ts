import { types } from 'node:util';
import { Pool } from './encode-builtin.js';
import { encodeFunction } from './encode-function.js';
import { namedExport } from './encode-hooked.js';
import { encodeObject } from './encode-object.js';
import { encodeSymbol } from './encode-reference.js';
import type { Encoder } from './encoder.js';
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
