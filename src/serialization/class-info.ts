import { types } from 'node:util';
import { placeOfFunction } from './function-places.js';
import { readFunctionSource } from './function-source.js';
import { placeOfBuiltin } from './globals.js';
import { DESERIALIZE, GET_STATE, hookOf, REDUCE, SERIALIZE, SET_STATE } from './hooks.js';

/** What all instances of one prototype have in common. */
export interface ClassInfo {
  /** Name of the class, for words. */
  readonly name: string;
  /** The nearest class of JavaScript (`Map`) or Node.js (`net.Socket`) that it extends; `Object` where it extends none. */
  readonly builtin: string;
  readonly isEmitter: boolean;
  /** Its class, or one that it extends, is imported on the other side. */
  readonly isByReference: boolean;
  /** Private names that its instances hold, in any class of the chain. */
  readonly privateNames: readonly string[];
  readonly hooks: { readonly reduce: boolean; readonly serialize: boolean; readonly state: boolean };
  /** A Proxy stands in the chain. */
  readonly hasProxy: boolean;
  /** Nothing of all this is special: own properties are all that an instance has. */
  readonly isPlain: boolean;
}

/** TypeScript and esbuild write private members as weak maps where the target is older than they are. */
const DOWNLEVELED = /__classPrivateField(?:Get|Set)|__private(?:Get|Set|Add|Method)/;
const privateNames = new WeakMap<object, readonly string[]>();
const builtinNames = new WeakMap<object, string | null>();

/** Looks at a prototype and those above it. */
export function describeClass(prototype: object | null): ClassInfo {
  const names: string[] = [];
  let name = '';
  let builtin = 'Object';
  let isByReference = false;
  let hasProxy = false;
  for (let current = prototype; current !== null; current = Object.getPrototypeOf(current) as object | null) {
    if (types.isProxy(current)) {
      hasProxy = true;
      break;
    }
    const known = builtinName(current);
    if (known !== undefined) {
      builtin = known;
      break;
    }
    const constructor = constructorOf(current);
    if (constructor === undefined) continue;
    name ||= constructor.name;
    names.push(...privateNamesOf(constructor));
    const { how } = placeOfFunction(constructor);
    if (how === 'internal') {
      builtin = constructor.name;
      break;
    }
    isByReference ||= how === 'export';
  }
  const hooks = prototype === null || hasProxy ? NO_HOOKS : findHooks(prototype);
  const hasHooks = hooks.reduce || hooks.serialize || hooks.state;
  return {
    name: name || builtin,
    builtin,
    isPlain: builtin === 'Object' && names.length === 0 && !hasProxy && !hasHooks,
    isEmitter: builtin === 'events.EventEmitter' || builtin === 'events',
    isByReference,
    privateNames: names,
    hooks,
    hasProxy,
  };
}

/** The function whose `prototype` an object is. */
export function constructorOf(prototype: object): (new () => object) | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor !== 'function' || types.isProxy(constructor)) return undefined;
  const own = Object.getOwnPropertyDescriptor(constructor, 'prototype');
  return own?.value === prototype ? (constructor as new () => object) : undefined;
}

const NO_HOOKS: ClassInfo['hooks'] = { reduce: false, serialize: false, state: false };

/** Which hooks a prototype (or an object) has. */
export function findHooks(holder: object): ClassInfo['hooks'] {
  const constructor: unknown = Reflect.get(holder, 'constructor');
  return {
    reduce: hookOf(holder, REDUCE) !== undefined,
    serialize:
      hookOf(holder, SERIALIZE) !== undefined &&
      typeof constructor === 'function' &&
      hookOf(constructor, DESERIALIZE) !== undefined,
    state: hookOf(holder, GET_STATE) !== undefined && hookOf(holder, SET_STATE) !== undefined,
  };
}

/** `Map`, `net.Socket`: the name of the built-in class whose prototype this is. */
function builtinName(prototype: object): string | undefined {
  let name = builtinNames.get(prototype);
  if (name === undefined) {
    const place = placeOfBuiltin(prototype);
    const isPrototype = place?.path.at(-1) === 'prototype';
    name = isPrototype
      ? [place.module.replace('node:', ''), ...place.path.slice(0, -1)].filter(Boolean).join('.')
      : null;
    builtinNames.set(prototype, name);
  }
  return name ?? undefined;
}

function privateNamesOf(constructor: object): readonly string[] {
  let names = privateNames.get(constructor);
  if (names === undefined) {
    names = findPrivateNames(constructor);
    privateNames.set(constructor, names);
  }
  return names;
}

function findPrivateNames(constructor: object): readonly string[] {
  const text = Function.prototype.toString.call(constructor);
  if (DOWNLEVELED.test(text)) return ['(written as weak maps by the compiler)'];
  // Most classes have none, and need no parser.
  if (!text.includes('#')) return [];
  const source = readFunctionSource(constructor);
  return typeof source === 'string' ? [] : (source.members?.privateNames ?? []);
}
