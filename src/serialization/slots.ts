import { types } from 'node:util';

/** Which hidden state an object has, whatever its prototype says. */
export type Slot =
  | 'Object'
  | 'Array'
  | 'Map'
  | 'Set'
  | 'Date'
  | 'RegExp'
  | 'Error'
  | 'ArrayBuffer'
  | 'SharedArrayBuffer'
  | 'View'
  | 'Boxed'
  | 'Arguments'
  | 'Namespace'
  | 'Promise'
  | 'WeakMap'
  | 'WeakSet'
  | 'WeakRef'
  | 'Generator'
  | 'Iterator'
  | 'KeyObject'
  | 'CryptoKey'
  | 'External'
  | 'Intl'
  | 'WebAssembly'
  | 'FinalizationRegistry';

const CHECKS: readonly (readonly [Slot, (value: unknown) => boolean])[] = [
  ['Array', (value) => Array.isArray(value)],
  ['Map', types.isMap],
  ['Set', types.isSet],
  ['Date', types.isDate],
  ['RegExp', types.isRegExp],
  ['Error', types.isNativeError],
  ['View', (value) => ArrayBuffer.isView(value)],
  ['ArrayBuffer', types.isArrayBuffer],
  ['SharedArrayBuffer', types.isSharedArrayBuffer],
  ['Boxed', types.isBoxedPrimitive],
  ['Arguments', types.isArgumentsObject],
  ['Namespace', types.isModuleNamespaceObject],
  ['Promise', types.isPromise],
  ['WeakMap', types.isWeakMap],
  ['WeakSet', types.isWeakSet],
  ['WeakRef', hasSlot(WeakRef.prototype, 'deref')],
  ['Generator', types.isGeneratorObject],
  ['Iterator', (value) => types.isMapIterator(value) || types.isSetIterator(value)],
  ['KeyObject', types.isKeyObject],
  ['CryptoKey', types.isCryptoKey],
  ['External', types.isExternal],
];

/** Which hidden state an object has. It must be no Proxy. */
export function slotOf(value: object): Slot {
  for (const [slot, check] of CHECKS) if (check(value)) return slot;
  // These have no check of their own; their prototypes tell.
  for (const [slot, prototype] of BY_PROTOTYPE)
    if (Object.prototype.isPrototypeOf.call(prototype, value)) return slot;
  return 'Object';
}

const BY_PROTOTYPE: readonly (readonly [Slot, object])[] = [
  ['FinalizationRegistry', FinalizationRegistry.prototype],
  ...iteratorPrototypes().map((prototype) => ['Iterator', prototype] as const),
  ...constructorsOf(Intl).map(({ prototype }) => ['Intl', prototype] as const),
  ...constructorsOf(Reflect.get(globalThis, 'WebAssembly') as object).map(
    ({ prototype }) => ['WebAssembly', prototype] as const,
  ),
];

/** Most methods of a built-in class throw a TypeError for another object. */
function hasSlot(prototype: object, method: string): (value: unknown) => boolean {
  const read = Reflect.get(prototype, method) as () => unknown;
  return (value) => {
    try {
      read.call(value);
      return true;
    } catch {
      return false;
    }
  };
}

function iteratorPrototypes(): object[] {
  const iterators: object[] = [
    [][Symbol.iterator](),
    ''[Symbol.iterator](),
    ''.matchAll(/x/g),
    // eslint-disable-next-line @typescript-eslint/no-empty-function -- only its prototype is wanted.
    (async function* () {})(),
  ];
  return iterators.map((iterator) => Object.getPrototypeOf(iterator) as object);
}

function constructorsOf(holder: object): { prototype: object }[] {
  return Object.getOwnPropertyNames(holder)
    .map((name) => Reflect.get(holder, name) as unknown)
    .filter((value): value is { prototype: object } => {
      if (typeof value !== 'function') return false;
      const prototype: unknown = value.prototype;
      // `WebAssembly.CompileError` and its like are errors, which are carried.
      return typeof prototype === 'object' && prototype !== null && !(prototype instanceof Error);
    });
}
