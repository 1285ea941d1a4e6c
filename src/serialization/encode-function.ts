import { captureVariables } from './capture-variables.js';
import { constructorOf } from './class-info.js';
import type { Encoder } from './encoder.js';
import { FunctionFlag, HeadFlag, Kind } from './format.js';
import { placeOfFunction, type FunctionPlace } from './function-places.js';
import { readFunctionSource, type FunctionSource } from './function-source.js';
import { isStandardGlobal } from './globals.js';
import { STANDS_FOR } from './hooks.js';
import { inspectFunction, type FunctionInsight } from './inspector.js';
import { isRequire, specialOf } from './link-values.js';
import { findOwner } from './lexical-this.js';
import { deletedMembers, patchedKeys } from './patched-keys.js';
import { integrityOf } from './property-collector.js';
import type { Refusal } from './refusals.js';
import { encodeSpecial } from './encode-reference.js';
import { writeExport, writeGlobal } from './write-places.js';
import { writeProperties } from './write-properties.js';

type AnyFunction = (...args: never) => unknown;

/** Writes a function or a class: by reference where an import gives it, else by value. */
export function encodeFunction(encoder: Encoder, fn: AnyFunction): void {
  const refusal = tryEncode(encoder, fn);
  if (refusal === undefined) return;
  encoder.refuse(refusal);
  encoder.placeholder();
}

function tryEncode(encoder: Encoder, fn: AnyFunction): Refusal | undefined {
  const special = specialOf(fn);
  if (special !== undefined) {
    encodeSpecial(encoder, special);
    return undefined;
  }
  const place = placeOfFunction(fn);
  switch (place.how) {
    case 'global':
      writeGlobal(encoder, place.place);
      return undefined;
    case 'export':
      writeExport(encoder, place.place);
      return undefined;
    case 'pending':
      // The next pass knows more; this one only goes on to learn what else is missing.
      encoder.missing.add(place.module);
      encoder.placeholder();
      return undefined;
    default:
      return encodeByValue(encoder, fn, place);
  }
}

function encodeByValue(encoder: Encoder, fn: AnyFunction, place: FunctionPlace): Refusal | undefined {
  const name = describe(fn);
  if (place.how === 'unseen') return unseen(name, place.failure);
  if (place.how === 'internal') return internal(name, place.url);
  if (isRequire(fn)) return { ...internal(name, ''), kind: 'a require function of another file' };
  const source = readFunctionSource(fn);
  if (source === 'native') return encodeBound(encoder, fn, name);
  if (source === 'unreadable')
    return refusal(
      name,
      'its text cannot stand alone, as that of a private method',
      'Export it from a module.',
    );
  const problem = problemOf(encoder, fn, source, name);
  if (problem !== undefined) return problem;
  encoder.note('value', name);
  return writeFunction(encoder, fn, source, name);
}

/** What a text cannot have when it leaves its place. */
function problemOf(
  { settings }: Encoder,
  fn: AnyFunction,
  { uses, members }: FunctionSource,
  name: string,
): Refusal | undefined {
  const exportIt = 'Export it from a module of its own.';
  if (settings.byValue === 'never')
    return refusal(
      name,
      'no module exports it, and the option byValue: "never" forbids to carry code',
      exportIt,
    );
  for (const word of ['eval', 'with'] as const)
    if (uses.has(word))
      return refusal(name, `it uses ${word}, so which variables it needs cannot be seen`, exportIt);
  for (const word of ['arguments', 'super', 'new.target'] as const)
    if (uses.has(word)) return refusal(name, `it uses ${word} of the code around it`, exportIt);
  if (members === undefined) return problemOfPrototype(fn, name);
  if (uses.has('this')) return refusal(name, 'a computed key of it uses this', exportIt);
  if (members.staticPrivateNames.length > 0)
    return refusal(
      name,
      `its private static fields ${members.staticPrivateNames.join(', ')} cannot be seen`,
      exportIt,
    );
  if (members.oddKey !== undefined)
    return refusal(
      name,
      `its computed key [${members.oddKey}] would be computed again`,
      'Keep the key in a const.',
    );
  const constructor: unknown = constructorOf(Reflect.get(fn, 'prototype') as object);
  if (constructor !== fn) return refusal(name, 'its prototype names another constructor', exportIt);
  const deleted = deletedMembers(fn, members);
  return deleted.length === 0
    ? undefined
    : refusal(name, `its member ${deleted.join(', ')} was deleted after it had been defined`, exportIt);
}

function problemOfPrototype(fn: AnyFunction, name: string): Refusal | undefined {
  const prototype = Object.getOwnPropertyDescriptor(fn, 'prototype');
  if (prototype === undefined || prototype.value !== undefined) return undefined;
  return refusal(name, 'its prototype is undefined', 'Set its prototype to null, or to an object.');
}

function writeFunction(
  encoder: Encoder,
  fn: AnyFunction,
  source: FunctionSource,
  name: string,
): Refusal | undefined {
  const insight = inspectFunction(fn);
  const needsThis = source.kind === 'arrow' && source.uses.has('this');
  const owner = needsThis ? findOwner(encoder, fn) : undefined;
  if (owner === 'later') {
    // The next pass knows it; this one only goes on to find what else is to be asked.
    encoder.placeholder();
    return undefined;
  }
  if (needsThis && owner === undefined)
    return refusal(
      name,
      `which object its this is cannot be seen${encoder.heap.isTooLarge ? ' in a heap of this size' : ''}`,
      'Make it a method, or bind a function to the object.',
    );
  const unknown = source.members?.keyNames.find((key) => !isVisible(key, insight));
  if (unknown !== undefined)
    return refusal(
      name,
      `what its computed key [${unknown}] was cannot be seen`,
      'Export the class from a module, or write the key as Symbol.for("…").',
    );
  const scope = captureVariables(encoder, fn, source, insight);
  const integrity = integrityOf(fn);
  const keys = ownKeys(fn, source, integrity);
  const prototype = linkedPrototype(fn, source);
  const flags =
    integrity |
    (keys.length > 0 ? HeadFlag.Properties : 0) |
    (prototype === undefined ? 0 : HeadFlag.Prototype);
  encoder.codeByValue.push([encoder.current, fn]);
  encoder.head(source.kind === 'class' ? Kind.Class : Kind.Function, flags, prototype);
  const ownName: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value;
  const hasName = typeof ownName === 'string' && ownName !== '';
  encoder.heads.byte(
    (isStrict(source, insight) ? FunctionFlag.Strict : 0) |
      (source.kind === 'method' ? FunctionFlag.Method : 0) |
      (owner === undefined ? 0 : FunctionFlag.This) |
      (hasName ? FunctionFlag.Name : 0),
  );
  encoder.heads.varint(scope.id);
  encoder.heads.string(source.code);
  if (owner !== undefined) encoder.heads.varint(encoder.refer(owner, { text: 'this' }));
  if (hasName) encoder.heads.string(ownName);
  if (keys.length > 0) writeProperties(encoder, fn, keys, integrity);
  encoder.value(ownPrototype(fn, source), { text: 'prototype' });
  return undefined;
}

/** The engine forgets variables that no function uses, and the keys of a class are computed by the code around it. */
function isVisible(name: string, { scopes }: FunctionInsight): boolean {
  return isStandardGlobal(name) || scopes.some(({ variables }) => Object.hasOwn(variables, name));
}

/** Own properties that evaluating the text does not give. */
function ownKeys(fn: AnyFunction, { members, length }: FunctionSource, integrity: number): PropertyKey[] {
  const ownLength = Object.getOwnPropertyDescriptor(fn, 'length');
  const isChanged = ownLength?.writable === false && ownLength.value !== length;
  if (members !== undefined) {
    const keys = patchedKeys(fn, members, 'static ', integrity);
    return isChanged && !keys.includes('length') ? [...keys, 'length'] : keys;
  }
  const given = new Set<PropertyKey>(['name', 'arguments', 'caller', STANDS_FOR]);
  if (!isChanged && ownLength?.writable !== true) given.add('length');
  if (integrity === HeadFlag.Frozen || !hasFixedPrototype(fn)) given.add('prototype');
  return Reflect.ownKeys(fn).filter((key) => !given.has(key));
}

/** Compilers write classes as functions whose `prototype` cannot be replaced. */
function hasFixedPrototype(fn: AnyFunction): boolean {
  return Object.getOwnPropertyDescriptor(fn, 'prototype')?.writable === false;
}

/** What stands above a function, where it is not what its syntax gives. */
function linkedPrototype(fn: AnyFunction, { members }: FunctionSource): object | null | undefined {
  const prototype = Object.getPrototypeOf(fn) as object | null;
  if (prototype === Function.prototype && members?.isDerived !== true) return undefined;
  return prototype !== null && SYNTAX_PROTOTYPES.has(prototype) ? undefined : prototype;
}

/* eslint-disable @typescript-eslint/no-empty-function -- only their prototypes are wanted. */
const SYNTAX_PROTOTYPES = new Set(
  [async () => {}, function* () {}, async function* () {}].map((fn) => Object.getPrototypeOf(fn) as object),
);
/* eslint-enable @typescript-eslint/no-empty-function */

/** The object that instances inherit from, unless it is as the function's syntax makes it. */
function ownPrototype(fn: AnyFunction, { kind, members }: FunctionSource): unknown {
  const prototype = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value as unknown;
  if (typeof prototype !== 'object' || prototype === null) return prototype;
  // The prototype of a class is linked to that of the class that it extends.
  if (kind === 'class') return prototype;
  const integrity = integrityOf(prototype);
  const keys = patchedKeys(prototype, members, '', integrity);
  const isGenerator = SYNTAX_PROTOTYPES.has(Object.getPrototypeOf(fn) as object);
  const usual: unknown = isGenerator
    ? Reflect.get(Object.getPrototypeOf(fn) as object, 'prototype')
    : Object.prototype;
  const isUsual = keys.length === 0 && integrity === 0 && Object.getPrototypeOf(prototype) === usual;
  const isOwn = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value === fn || isGenerator;
  return isUsual && isOwn ? undefined : prototype;
}

function encodeBound(encoder: Encoder, fn: AnyFunction, name: string): Refusal | undefined {
  const { bound } = inspectFunction(fn);
  if (bound === undefined)
    return refusal(
      name,
      'it is native code that has no name in JavaScript or Node.js',
      'Make it in initialize().',
    );
  const keys = Reflect.ownKeys(fn).filter((key) => key !== 'name' && key !== 'length');
  const integrity = integrityOf(fn);
  encoder.head(Kind.Bound, integrity | (keys.length > 0 ? HeadFlag.Properties : 0));
  encoder.heads.varint(encoder.refer(bound.target as object, { text: 'bound function' }));
  if (keys.length > 0) writeProperties(encoder, fn, keys, integrity);
  encoder.value(bound.self, { text: 'bound this' });
  encoder.contents.varint(bound.args.length);
  bound.args.forEach((arg, index) => encoder.value(arg, { text: `bound argument ${index}` }));
  encoder.note('value', name);
  return undefined;
}

/** Code of a module is strict; elsewhere only what says so, in itself or at the head of its file, which cannot be seen here. */
function isStrict({ isStrict, isSloppy }: FunctionSource, { scopes }: FunctionInsight): boolean {
  if (isStrict) return true;
  return !isSloppy && scopes.some(({ description }) => description === 'Module');
}

function describe(fn: AnyFunction): string {
  const isClass = /^class\b/.test(Function.prototype.toString.call(fn));
  const name: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value;
  return `${isClass ? 'class' : 'function'} ${typeof name === 'string' && name !== '' ? name : '(anonymous)'}`;
}

function refusal(name: string, reason: string, suggestion: string): Refusal {
  return { kind: `the ${name}`, reason, suggestion };
}

function internal(name: string, url: string): Refusal {
  const where = url === '' ? 'of native code' : `of Node.js (${url})`;
  return refusal(name, `it is a part ${where} that no module exports`, 'Make it in initialize().');
}

function unseen(name: string, failure: Error): Refusal {
  return refusal(
    name,
    `no registered module exports it, and functions cannot be looked into here (${failure.message})`,
    'Export it from a module, and call registerModule(import.meta.url, { … }) there.',
  );
}
