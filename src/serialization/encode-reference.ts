import type { Encoder } from './encoder.js';
import { HeadFlag, Kind } from './format.js';
import { placeOfFunction } from './function-places.js';
import { readFunctionSource } from './function-source.js';
import { placeOfBuiltin } from './globals.js';
import type { Special } from './link-values.js';
import { missingBuiltins, moduleOfNamespace, placeOfExport } from './modules.js';
import { patchedKeys } from './patched-keys.js';
import { integrityOf } from './property-collector.js';
import { wellKnownName } from './symbols.js';
import { writeExport, writeGlobal } from './write-places.js';
import { writeProperties } from './write-properties.js';

/** Writes a symbol: of the language, of the registry, of a module, or one that is the same only within the payload. */
export function encodeSymbol(encoder: Encoder, symbol: symbol): void {
  const { heads } = encoder;
  const name = wellKnownName(symbol);
  const key = Symbol.keyFor(symbol);
  const place = placeOfExport(symbol);
  const builtin = placeOfBuiltin(symbol);
  if (name !== undefined) {
    heads.byte(Kind.WellKnownSymbol);
    heads.string(name);
  } else if (key !== undefined) {
    heads.byte(Kind.RegisteredSymbol);
    heads.string(key);
  } else if (builtin !== undefined) {
    writeGlobal(encoder, builtin);
  } else if (place !== undefined) {
    writeExport(encoder, place);
  } else {
    heads.byte(Kind.Symbol);
    heads.byte(symbol.description === undefined ? 0 : 1);
    heads.string(symbol.description ?? '');
  }
}

/** Writes the `prototype` of a function; of a class that goes by value what was changed on it. */
export function encodePrototype(encoder: Encoder, prototype: object, constructor: object): void {
  const place = placeOfFunction(constructor);
  if (place.how === 'pending') encoder.missing.add(place.module);
  const isSent = place.how === 'value' && encoder.originOf(constructor) === undefined;
  const source = isSent ? readFunctionSource(constructor) : 'native';
  const integrity = typeof source === 'string' ? 0 : integrityOf(prototype);
  const keys = typeof source === 'string' ? [] : patchedKeys(prototype, source.members, '', integrity);
  const parent = Object.getPrototypeOf(prototype) as object | null;
  const isLinked = typeof source !== 'string' && parent !== Object.prototype;
  const flags = integrity | (keys.length > 0 ? HeadFlag.Properties : 0) | (isLinked ? HeadFlag.Prototype : 0);
  encoder.head(Kind.Prototype, flags, parent);
  encoder.heads.varint(encoder.refer(constructor, { text: `class ${nameOf(constructor)}` }));
  if (keys.length > 0) writeProperties(encoder, prototype, keys, integrity);
}

/** Writes what belongs to a file. */
export function encodeSpecial(encoder: Encoder, { kind, url }: Special): void {
  encoder.heads.byte(kind);
  encoder.heads.string(url);
}

/** Writes a module namespace object. */
export function encodeNamespace(encoder: Encoder, namespace: object): void {
  const module = moduleOfNamespace(namespace);
  if (module === undefined) {
    for (const name of missingBuiltins()) encoder.missing.add(name);
    encoder.refuse({
      kind: 'a module namespace',
      reason: 'which module it is cannot be seen',
      suggestion:
        'Call registerModule(import.meta.resolve("…"), namespace) first, or import the names that are used.',
    });
    encoder.placeholder();
    return;
  }
  encoder.note('reference', module);
  encoder.heads.byte(Kind.Namespace);
  encoder.heads.varint(encoder.module(module));
}

function nameOf(constructor: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(constructor, 'name')?.value;
  return typeof name === 'string' && name !== '' ? name : '(anonymous)';
}
