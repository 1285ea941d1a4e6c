import { createRequire, builtinModules } from 'node:module';
import { freshRealm, isPristineFunction, isReplacedObject } from './pristine.js';
import { wellKnownName, wellKnownSymbol } from './symbols.js';

const require = createRequire(import.meta.url);

/** Where a built-in value is found: the names of properties from the global object on, or from a module of Node.js. */
export interface GlobalPlace {
  /** `node:fs`; empty for the global object. */
  readonly module: string;
  /** Symbols stand as `@@iterator`. */
  readonly path: readonly string[];
}

/** Own properties of functions that lead nowhere new. */
const SKIPPED = new Set<PropertyKey>(['caller', 'callee', 'arguments']);
const STREAMS = new Set<PropertyKey>(['stdout', 'stderr', 'stdin']);
/** Globals that belong to a program, not to the language. */
const NOT_WALKED = new Set<PropertyKey>(['process', 'globalThis', 'global']);
const DEPTH = 4;

const places = new Map<object | symbol, GlobalPlace>();
const walkedModules = new Set<string>();
/** What Node.js adds to the language's own global names. */
const NODE_GLOBALS =
  'process Buffer console global setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask structuredClone atob btoa performance fetch crypto navigator URL URLSearchParams AbortController AbortSignal Event EventTarget CustomEvent DOMException TextEncoder TextDecoder TextEncoderStream TextDecoderStream ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableByteStreamController WritableStream WritableStreamDefaultController WritableStreamDefaultWriter TransformStream TransformStreamDefaultController ByteLengthQueuingStrategy CountQueuingStrategy CompressionStream DecompressionStream BroadcastChannel MessageChannel MessagePort MessageEvent Blob File Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming FormData Headers Request Response WebSocket CloseEvent Crypto CryptoKey SubtleCrypto Storage'.split(
    ' ',
  );

let standardNames: ReadonlySet<PropertyKey> | undefined;

/** Names that are global in every program; a fresh realm has those of the language, whatever this program has added to its own. */
function findStandardNames(): ReadonlySet<PropertyKey> {
  return (standardNames ??= new Set<PropertyKey>([...NODE_GLOBALS, ...Reflect.ownKeys(freshRealm())]));
}

let areGlobalsWalked = false;
let walkedCount = 0;

/** Whether a name is global in every program. */
export function isStandardGlobal(name: string): boolean {
  return findStandardNames().has(name);
}

/** Whether a name that is global in every program stands for something else in this one. */
export function isReplacedGlobal(name: string): boolean {
  const value: unknown = Object.getOwnPropertyDescriptor(globalThis, name)?.value;
  return typeof value === 'function' ? !isPristineFunction(value, name) : isReplacedObject(name);
}

/** The place of a built-in function or object, or `undefined` where it is none. */
export function placeOfBuiltin(value: object | symbol): GlobalPlace | undefined {
  walkGlobals();
  let place = places.get(value);
  if (place === undefined) {
    walkModules();
    place = places.get(value);
  }
  if (typeof value === 'symbol') return place;
  return place === undefined ? placeOfLazyGlobal(value) : asFound(value, place);
}

/** The place of a value, unless this program has put the value there, or one of the classes that it is found by. */
function asFound(value: object, place: GlobalPlace): GlobalPlace | undefined {
  const { module, path } = place;
  const name = path.at(-1) ?? '';
  if (typeof value === 'function' && (!isPristineFunction(value, name) || isMoved(value, place)))
    return undefined;
  if (module === '' && isAdded(value, path)) return undefined;
  for (let length = path.length - 1; length > 0; length--) {
    const holder = builtinAt({ module, path: path.slice(0, length) });
    if (typeof holder === 'function' && !isPristineFunction(holder, path[length - 1] as string))
      return undefined;
  }
  return place;
}

/** Whether a function of the language stands under another name than it has there. */
function isMoved(value: object, { module, path }: GlobalPlace): boolean {
  if (module !== '' || Reflect.get(value, 'name') === path.at(-1)) return false;
  let original: unknown = freshRealm();
  for (const name of path) {
    const key = name.startsWith('@@') ? (wellKnownSymbol(name.slice(2)) ?? name) : name;
    original = isHolder(original) ? Object.getOwnPropertyDescriptor(original, key)?.value : undefined;
  }
  return typeof original === 'function' && original.name !== Reflect.get(value, 'name');
}

/** Whether an object of this program hangs on one of the language. */
function isAdded(value: object, path: readonly string[]): boolean {
  const [root, key] = path;
  if (typeof value === 'function' || path.length !== 2 || key?.startsWith('@@') === true) return false;
  const holder = freshRealm()[root as string];
  return holder !== undefined && !Object.hasOwn(holder as object, key as string);
}

/** The value at a place; `undefined` where there is none. Reads no accessor. */
export function builtinAt({ module, path }: GlobalPlace): unknown {
  let current: unknown = module === '' ? globalThis : loadBuiltin(module);
  for (const name of path) {
    if ((typeof current !== 'object' && typeof current !== 'function') || current === null) return undefined;
    const key = name.startsWith('@@') ? (wellKnownSymbol(name.slice(2)) ?? name) : name;
    current = readBuiltin(current, key, path.length === 1);
  }
  return current;
}

/** Modules of Node.js that this program has loaded. */
export function loadedBuiltins(): string[] {
  const loaded = (process as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  return loaded
    .map((entry) => entry.replace('NativeModule ', ''))
    .filter((name) => builtinModules.includes(name))
    .map((name) => `node:${name}`);
}

/** Whether there is a module of Node.js of this name; `node:` may be absent. */
export function isBuiltinModule(name: string): boolean {
  return builtinModules.includes(name.replace(/^node:/, '')) || name.startsWith('node:');
}

/** A module of Node.js as `require` gives it, or `undefined`. */
export function loadBuiltin(name: string): unknown {
  return isBuiltinModule(name) ? (require(name) as unknown) : undefined;
}

/** Globals such as `crypto` and `performance` are accessors of Node.js, which make the object on first use. */
function readBuiltin(holder: object, key: PropertyKey, mayBeAccessor: boolean): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(holder, key);
  if (descriptor === undefined) return undefined;
  if (descriptor.get === undefined) return descriptor.value as unknown;
  const isKnown =
    holder === process ? STREAMS.has(key) : holder === globalThis && findStandardNames().has(key);
  return mayBeAccessor && isKnown ? (Reflect.get(holder, key) as unknown) : undefined;
}

function walkGlobals(): void {
  if (areGlobalsWalked) return;
  areGlobalsWalked = true;
  places.set(globalThis, { module: '', path: ['globalThis'] });
  places.set(process, { module: '', path: ['process'] });
  for (const key of findStandardNames()) {
    if (typeof key !== 'string' || NOT_WALKED.has(key)) continue;
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, key);
    const value: unknown = descriptor?.value;
    if (isHolder(value) && !isReplacedObject(key)) walk(value, { module: '', path: [key] }, DEPTH);
  }
  places.set(console, { module: '', path: ['console'] });
}

/** Only what is loaded: a value of a module that nobody has loaded is in no graph. */
function walkModules(): void {
  const loaded = (process as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  if (loaded.length === walkedCount) return;
  walkedCount = loaded.length;
  for (const entry of loaded) {
    const name = entry.replace('NativeModule ', '');
    if (walkedModules.has(name) || !builtinModules.includes(name)) continue;
    walkedModules.add(name);
    const exports = loadBuiltin(`node:${name}`);
    if (isHolder(exports)) walkModule(exports, `node:${name}`);
  }
}

/** A module's exports, what they hold, and their prototypes; deeper there is state, such as the cache of loaded modules. */
function walkModule(exports: object, module: string): void {
  walk(exports, { module, path: [] }, 1);
  for (const name of Object.getOwnPropertyNames(exports)) {
    const value: unknown = Object.getOwnPropertyDescriptor(exports, name)?.value;
    if (!isHolder(value) || name.startsWith('_')) continue;
    for (const [key, { value: child }] of Object.entries(Object.getOwnPropertyDescriptors(value)))
      if (typeof child === 'function' || (key === 'prototype' && isHolder(child)))
        walk(child as object, { module, path: [name, key] }, 1);
  }
}

/** Accessors of the global object are read only where the value's own name says that it is this one: reading them loads code. */
function placeOfLazyGlobal(value: object): GlobalPlace | undefined {
  for (const stream of ['stdout', 'stderr', 'stdin', 'env'] as const)
    if (isMade(stream) && process[stream] === value) return { module: 'node:process', path: [stream] };
  const name = nameOf(value);
  for (const candidate of [name, name.charAt(0).toLowerCase() + name.slice(1)]) {
    const isLazy = Object.getOwnPropertyDescriptor(globalThis, candidate)?.get !== undefined;
    if (!isLazy || !findStandardNames().has(candidate)) continue;
    const global: unknown = Reflect.get(globalThis, candidate);
    if (global === value) return { module: '', path: [candidate] };
    if (typeof global === 'function' && global.prototype === value)
      return { module: '', path: [candidate, 'prototype'] };
  }
  return undefined;
}

/** `process.stdin` and its like are made on first use, and making `stdin` has effects; `tty`, `net` or `fs` streams are loaded by then. */
function isMade(stream: string): boolean {
  return stream !== 'stdin' || walkedModules.has('tty') || walkedModules.has('net');
}

function nameOf(value: object): string {
  const named = typeof value === 'function' ? value : (value as { constructor?: unknown }).constructor;
  // A class may have a static method of that name.
  const name: unknown = typeof named === 'function' ? named.name : '';
  return typeof name === 'string' ? name : '';
}

function walk(value: object, place: GlobalPlace, depth: number): void {
  const queue: [object, GlobalPlace, number][] = [[value, place, depth]];
  for (const [holder, at, left] of queue) {
    if (places.has(holder)) continue;
    places.set(holder, at);
    if (left === 0) continue;
    for (const key of Reflect.ownKeys(holder)) {
      const name = typeof key === 'string' ? key : `@@${wellKnownName(key) ?? ''}`;
      if (SKIPPED.has(key) || name === '@@') continue;
      const child: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value;
      if (typeof child === 'symbol' && isOfNode(child))
        places.set(child, { module: at.module, path: [...at.path, name] });
      // An array among the exports of a module is data; the prototype of all arrays is one as well.
      if (isHolder(child) && (!Array.isArray(child) || key === 'prototype'))
        queue.push([child, { module: at.module, path: [...at.path, name] }, left - 1]);
    }
  }
}

/** Not one of the language or the registry, which are the same everywhere. */
function isOfNode(symbol: symbol): boolean {
  return Symbol.keyFor(symbol) === undefined && wellKnownName(symbol) === undefined && !places.has(symbol);
}

function isHolder(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
