import { EventEmitter } from 'node:events';
import { describeClass, findHooks, constructorOf, type ClassInfo } from './class-info.js';
import { encodeArray } from './encode-array.js';
import { encodeBuiltin } from './encode-builtin.js';
import { encodeConstruction, encodeHooked } from './encode-hooked.js';
import type { Encoder } from './encoder.js';
import { HeadFlag, Kind } from './format.js';
import { placeOfBuiltin } from './globals.js';
import { constructionOf, hookOf } from './hooks.js';
import { specialOf } from './link-values.js';
import { integrityOf } from './property-collector.js';
import { PROXY, refusalOfNodeObject, refusalOfPrivateNames, refusalOfSlot } from './refusals.js';
import { slotOf, type Slot } from './slots.js';
import { encodeNamespace, encodePrototype, encodeSpecial } from './encode-reference.js';
import { writeGlobal } from './write-places.js';
import { writeValues } from './write-properties.js';

const classInfos = new WeakMap<Encoder, Map<object, ClassInfo>>();
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on other objects.
const toString = Object.prototype.toString;

/** Writes the head and the content of an object that is neither function nor Proxy. */
export function encodeObject(encoder: Encoder, object: object): void {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === Object.prototype && encodePlain(encoder, object)) return;
  if (prototype === Array.prototype && Array.isArray(object)) {
    encodeArray(encoder, object, 0);
    return;
  }
  const isOfClass = prototype !== null && prototype !== Object.prototype;
  if (!isOfClass || !encodeOfPlainClass(encoder, object, prototype)) encodeOther(encoder, object, prototype);
}

/** Instances of classes that need no closer look; gives whether it was one. */
function encodeOfPlainClass(encoder: Encoder, object: object, prototype: object): boolean {
  const info = infoOf(encoder, prototype);
  if (!info.isPlain) return false;
  const names = Object.getOwnPropertyNames(object);
  if (names.length === 0 || names.includes('constructor')) return false;
  if (Object.getOwnPropertySymbols(object).length > 0 || toString.call(object) !== '[object Object]')
    return false;
  writeInstance(encoder, object, prototype, names, 0);
  return true;
}

/** Objects of literals, which are most of all; gives whether it was one. */
function encodePlain(encoder: Encoder, object: object): boolean {
  const names = Object.getOwnPropertyNames(object);
  if (names.length === 0 || names[0] === 'constructor') return false;
  const symbols = Object.getOwnPropertySymbols(object);
  if (symbols.length > 0 || toString.call(object) !== '[object Object]') return false;
  const integrity = integrityOf(object);
  // Only these are registered as stand-ins.
  if (integrity === HeadFlag.Frozen && constructionOf(object) !== undefined) return false;
  const { properties } = encoder;
  const shape = properties.collect(object, names, integrity);
  if (properties.hasFunction && isKnownObject(object)) return false;
  encoder.head(Kind.Object, integrity);
  encoder.heads.varint(shape.id);
  writeValues(encoder, shape.keys);
  return true;
}

function isKnownObject(object: object): boolean {
  return (
    placeOfBuiltin(object) !== undefined ||
    constructorOf(object) !== undefined ||
    specialOf(object) !== undefined
  );
}

function encodeOther(encoder: Encoder, object: object, prototype: object | null): void {
  const construction = constructionOf(object);
  if (construction !== undefined) {
    encodeConstruction(encoder, construction);
    return;
  }
  const special = specialOf(object);
  if (special !== undefined) {
    encodeSpecial(encoder, special);
    return;
  }
  const place = placeOfBuiltin(object);
  if (place !== undefined) {
    writeGlobal(encoder, place);
    return;
  }
  const constructor = constructorOf(object);
  if (constructor !== undefined) {
    encodePrototype(encoder, object, constructor);
    return;
  }
  const info = infoOf(encoder, prototype);
  if (info.hasProxy) refuse(encoder, PROXY, { text: 'prototype' });
  else if (!encodeHooked(encoder, object, prototype, hooksOf(object, info), info))
    encodeBySlot(encoder, object, prototype, info);
}

/** Hooks may stand on an object itself. */
function hooksOf(object: object, info: ClassInfo): ClassInfo['hooks'] {
  const isOwn = Object.getOwnPropertySymbols(object).some((key) => hookOf(object, key) !== undefined);
  return isOwn ? findHooks(object) : info.hooks;
}

function encodeBySlot(encoder: Encoder, object: object, prototype: object | null, info: ClassInfo): void {
  // Looking for hidden state takes as long as all the rest, and only an object without properties is nothing but that.
  const isBare = info.builtin === 'Object' || info.isEmitter;
  const hasProperties = isBare && Reflect.ownKeys(object).length > 0;
  const slot: Slot = hasProperties && toString.call(object) === '[object Object]' ? 'Object' : slotOf(object);
  const refusal = refusalOfSlot(slot);
  if (slot === 'SharedArrayBuffer' && encoder.settings.sharedMemory) {
    encodeBuiltin(encoder, object, prototype, slot, info);
  } else if (refusal !== undefined) {
    refuse(encoder, refusal);
  } else if (slot === 'Namespace') {
    encodeNamespace(encoder, object);
  } else if (info.privateNames.length > 0) {
    refuse(encoder, refusalOfPrivateNames(info.name, info.privateNames));
  } else if (slot !== 'Object' || CARRIED_CLASSES.has(info.builtin)) {
    encodeBuiltin(encoder, object, prototype, slot, info);
  } else if (!isBare) {
    refuse(encoder, refusalOfNodeObject(info.builtin));
  } else {
    encodeInstance(encoder, object, prototype, info);
  }
}

/** Classes of Node.js whose state is all in their text. */
const CARRIED_CLASSES = new Set(['URL', 'url.URL', 'URLSearchParams', 'url.URLSearchParams', 'DOMException']);

function encodeInstance(encoder: Encoder, object: object, prototype: object | null, info: ClassInfo): void {
  const keys = Reflect.ownKeys(object).filter((key) => isCarried(encoder, key, info));
  writeInstance(encoder, object, prototype, keys, info.isEmitter ? emitterFlags(object) : 0);
}

/** Stands for the fields of an object, apart from what it is. */
export class Fields {
  readonly of: object;

  constructor(of: object) {
    this.of = of;
  }
}

/** Writes the fields of an object as those of an object without a class. */
export function encodeFields(encoder: Encoder, { of: object }: Fields): void {
  const info = infoOf(encoder, Object.getPrototypeOf(object) as object | null);
  if (info.privateNames.length > 0) {
    refuse(encoder, refusalOfPrivateNames(info.name, info.privateNames));
    return;
  }
  const keys = Reflect.ownKeys(object).filter((key) => isCarried(encoder, key, info));
  const shape = encoder.properties.collect(object, keys);
  const { values, count } = encoder.properties;
  for (const value of values.slice(0, count)) if (typeof value === 'function') encoder.staying.add(value);
  encoder.head(Kind.NullObject, 0);
  encoder.heads.varint(shape.id);
  writeValues(encoder, shape.keys);
}

function writeInstance(
  encoder: Encoder,
  object: object,
  prototype: object | null,
  keys: readonly PropertyKey[],
  flags: number,
): void {
  const integrity = integrityOf(object);
  const shape = encoder.properties.collect(object, keys, integrity);
  if (prototype === null) encoder.head(Kind.NullObject, integrity);
  else if (prototype === Object.prototype) encoder.head(Kind.Object, integrity);
  else {
    encoder.head(Kind.Instance, integrity | flags);
    encoder.heads.varint(encoder.refer(prototype, PROTOTYPE_STEP));
  }
  encoder.heads.varint(shape.id);
  writeValues(encoder, shape.keys);
}

const PROTOTYPE_STEP = { text: 'prototype' };

/** Symbols that only a module of this program has would be others on the other side, where its own are looked for. */
function isCarried(encoder: Encoder, key: PropertyKey, info: ClassInfo): boolean {
  if (typeof key !== 'symbol') return true;
  if (info.isEmitter && emitterSymbols().includes(key)) return false;
  if (info.isByReference && encoder.isPrivateSymbol(key)) {
    encoder.refuse(
      {
        kind: 'a property under a symbol that no module exports',
        reason: `the class ${info.name} is imported on the other side, and looks for another symbol there`,
        suggestion: `Export the symbol, or make it by Symbol.for("${key.description ?? 'name'}").`,
      },
      key,
    );
    return false;
  }
  return true;
}

/** Whether a field is one that EventEmitter sets for itself. */
export function isOfEmitter(key: PropertyKey): boolean {
  return typeof key === 'symbol' && emitterSymbols().includes(key);
}

/** Symbols under which EventEmitter keeps what its constructor sets. */
function emitterSymbols(): readonly symbol[] {
  return (knownEmitterSymbols ??= Object.getOwnPropertySymbols(new EventEmitter()));
}

let knownEmitterSymbols: readonly symbol[] | undefined;

function emitterFlags(object: object): number {
  const captures = emitterSymbols().some(
    (key) => key.description === 'kCapture' && Reflect.get(object, key) === true,
  );
  return HeadFlag.Emitter | (captures ? HeadFlag.CapturesRejections : 0);
}

/** Refuses the current entry; where refusals are only collected, something must stand in its place. */
function refuse(
  encoder: Encoder,
  refusal: Parameters<Encoder['refuse']>[0],
  step?: Parameters<Encoder['refuse']>[1],
): void {
  encoder.refuse(refusal, step);
  encoder.placeholder();
}

function infoOf(encoder: Encoder, prototype: object | null): ClassInfo {
  if (prototype === null) return describeClass(null);
  let infos = classInfos.get(encoder);
  if (infos === undefined) classInfos.set(encoder, (infos = new Map<object, ClassInfo>()));
  let info = infos.get(prototype);
  if (info === undefined) infos.set(prototype, (info = describeClass(prototype)));
  return info;
}
