import { EventEmitter } from 'node:events';
import { PayloadError } from '../errors/index.js';
import { HeadFlag, Kind, VIEW_CONSTRUCTORS } from './format.js';
import { builtinAt } from './globals.js';
import { linkScopes, type FunctionText, type Linked } from './link-code.js';
import { makeSpecial, type Special } from './link-values.js';
import { loadedModule } from './modules.js';
import type { HeadRecord, ParsedPayload, ShapeRecord } from './parse-payload.js';
import { wellKnownSymbol } from './symbols.js';

/** What runs code or takes something from a module: only made after everything has been checked. */
const CODE_KINDS: ReadonlySet<number> = new Set<number>([
  Kind.Export,
  Kind.Namespace,
  Kind.Function,
  Kind.Class,
  Kind.Bound,
  Kind.Made,
  Kind.Stated,
  Kind.Global,
  Kind.Require,
  Kind.ImportMeta,
  Kind.ImportFunction,
  Kind.Origin,
]);

/** Whether making the entries of a payload touches anything but data. */
export function hasCode({ kinds }: ParsedPayload): boolean {
  return kinds.some((kind) => CODE_KINDS.has(kind));
}

/** Makes data empty, and takes what is found by name. Modules must have been imported. */
export function makeData(payload: ParsedPayload, entries: unknown[]): void {
  const { size, kinds, records, buffers, numbers } = payload;
  const templates = payload.shapes.map(templateOf);
  for (let id = 0; id < size; id++) {
    switch (kinds[id] as Kind) {
      case Kind.Object:
        entries[id] = { ...(templates[numbers[id] as number] as object) };
        break;
      case Kind.NullObject:
        entries[id] = Object.create(null);
        break;
      case Kind.Array:
      case Kind.SparseArray:
        entries[id] = [];
        break;
      case Kind.Map:
        entries[id] = new Map();
        break;
      case Kind.Set:
        entries[id] = new Set();
        break;
      case Kind.Error:
        entries[id] = makeError();
        break;
      case Kind.ArrayBuffer:
        entries[id] = buffers.get(id);
        break;
      default:
        entries[id] = makeByRecord(payload, kinds[id] as Kind, records[id] ?? {});
    }
  }
  makeDependent(payload, entries);
}

/**
 * An object that has the keys of a shape already, to be copied: a copy gets all its room at once. The values make the engine expect values of any type.
 */
function templateOf({ keys, attributes }: ShapeRecord): object {
  const template: Record<string, unknown> = {};
  if (attributes !== undefined || !keys.every((key) => typeof key === 'string' && key !== '__proto__'))
    return template;
  for (const value of [0, undefined]) for (const key of keys) template[key] = value;
  return template;
}

/** Its stack, also where the engine keeps that as an accessor, is set with its content. */
function makeError(): Error {
  const error = new Error();
  Reflect.deleteProperty(error, 'stack');
  return error;
}

function makeByRecord({ modules, origins }: ParsedPayload, kind: Kind, record: HeadRecord): unknown {
  switch (kind) {
    case Kind.Date:
      return new Date(record['time'] as number);
    case Kind.RegExp:
      return checked(() => new RegExp(record['source'] as string, record['flags'] as string));
    case Kind.Url:
      return checked(() => new URL(record['href'] as string));
    case Kind.UrlSearchParams:
      return record['url'] === 0 ? new URLSearchParams(record['text'] as string) : undefined;
    case Kind.DomException:
      return new DOMException(record['message'] as string, record['name'] as string);
    case Kind.WellKnownSymbol:
      return wellKnownSymbol(record['name'] as string) ?? missing(`Symbol.${record['name'] as string}`);
    case Kind.RegisteredSymbol:
      return Symbol.for(record['name'] as string);
    case Kind.Symbol:
      return Symbol(record['hasName'] === true ? (record['name'] as string) : undefined);
    case Kind.Global:
      return findGlobal(record['module'] as string, record['path'] as string[]);
    case Kind.Export:
      return findExport(modules[record['module'] as number] as string, record['path'] as string[]);
    case Kind.Namespace:
      return loadedModule(modules[record['module'] as number] as string);
    case Kind.Origin:
      return origins.get(record['number'] as number) ?? missing('what it calls an object of this program');
    case Kind.Require:
    case Kind.ImportMeta:
    case Kind.ImportFunction:
      return makeSpecial({ kind, url: record['url'] as string } satisfies Special);
    default:
      return undefined;
  }
}

/** What needs another entry to be made. */
function makeDependent({ size, kinds, records }: ParsedPayload, entries: unknown[]): void {
  for (let id = 0; id < size; id++) {
    const record = records[id] ?? {};
    if (kinds[id] === Kind.View) {
      const buffer = entries[record['buffer'] as number];
      if (!(buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer))
        throw new PayloadError('a view is of no buffer');
      entries[id] = checked(() => makeView(buffer, record));
    } else if (kinds[id] === Kind.UrlSearchParams && record['url'] !== 0) {
      const url = entries[(record['url'] as number) - 1];
      if (!(url instanceof URL)) throw new PayloadError('parameters are of no URL');
      entries[id] = url.searchParams;
    } else if (kinds[id] === Kind.Boxed) {
      entries[id] = Object(unboxed(record, entries));
    }
  }
}

function makeView(buffer: ArrayBufferLike, record: HeadRecord): ArrayBufferView {
  const constructor = VIEW_CONSTRUCTORS[record['type'] as number] as (typeof VIEW_CONSTRUCTORS)[number];
  const { byteOffset, length } = record as { byteOffset: number; length: number };
  // Node.js' own is a function that needs no `new`; it clamps what is out of range.
  if (constructor.name === 'bufferOver') {
    if (byteOffset + length > buffer.byteLength) throw new RangeError('out of range');
    return (constructor as unknown as (...args: unknown[]) => ArrayBufferView)(buffer, byteOffset, length);
  }
  return new constructor(buffer, byteOffset, length);
}

function unboxed(record: HeadRecord, entries: readonly unknown[]): unknown {
  switch (record['type']) {
    case 'number':
      return record['number'];
    case 'boolean':
      return record['text'] === 'true';
    case 'bigint':
      return checked(() => BigInt(record['text'] as string));
    case 'symbol': {
      const symbol = entries[record['symbol'] as number];
      return typeof symbol === 'symbol' ? symbol : missing('a symbol');
    }
    default:
      return record['text'];
  }
}

/** Makes functions and classes, then everything that inherits from one. Gives the setters of the scopes' variables. */
export function makeCode(payload: ParsedPayload, entries: unknown[], hooks: CodeHooks): Linked {
  const { size, kinds, records } = payload;
  const ids: number[] = [];
  for (let id = 0; id < size; id++) if (kinds[id] === Kind.Function || kinds[id] === Kind.Class) ids.push(id);
  const texts = ids.map((id) => records[id]?.['text'] as FunctionText);
  const linked = ids.length === 0 ? { setters: [], makers: [] } : linkScopes(payload.scopes, texts);
  // Computed keys of classes read variables.
  hooks.setVariables(linked);
  const make = (kind: Kind, hasSelf: boolean): void => {
    ids.forEach((id, position) => {
      const self = records[id]?.['self'] as number | undefined;
      if (kinds[id] !== kind || (self !== undefined) !== hasSelf) return;
      const value = linked.makers[position]?.call(self === undefined ? undefined : made(entries, self));
      entries[id] = named(extracted(value, texts[position]), records[id]);
    });
  };
  make(Kind.Function, false);
  make(Kind.Class, false);
  makeInstances(payload, entries);
  make(Kind.Function, true);
  hooks.bind();
  linkPrototypes(payload, entries);
  return linked;
}

/** What {@link makeCode} leaves to those who read contents. */
export interface CodeHooks {
  /** Sets variables to what has been made by now. */
  setVariables(linked: Linked): void;
  /** Makes bound functions. */
  bind(): void;
}

/** An entry that must have been made. */
export function made(entries: readonly unknown[], id: number): unknown {
  return entries[id] ?? missing('an object that a hook makes, and that a function is bound to,');
}

/** A method is taken out of the object literal that its text was put into. */
function extracted(value: unknown, text: FunctionText | undefined): unknown {
  if (text?.isMethod !== true) return value;
  const object = value as object;
  const descriptor = Object.getOwnPropertyDescriptor(object, Reflect.ownKeys(object)[0] as PropertyKey);
  const { value: method, get: getter, set: setter } = { ...descriptor } as Record<string, unknown>;
  return method ?? getter ?? setter;
}

function named(value: unknown, record: HeadRecord | undefined): unknown {
  const name = record?.['name'];
  if (typeof value === 'function' && name !== undefined && value.name !== name)
    Object.defineProperty(value, 'name', { value: name, configurable: true });
  return value;
}

/** Prototypes of functions, and instances; one whose prototype is an instance itself may come before it. */
function makeInstances(payload: ParsedPayload, entries: unknown[]): void {
  const { size, kinds, records, parents } = payload;
  for (let id = 0; id < size; id++) {
    if (kinds[id] !== Kind.Prototype) continue;
    const target = entries[records[id]?.['target'] as number];
    const prototype: unknown = typeof target === 'function' ? target.prototype : undefined;
    entries[id] = typeof prototype === 'object' ? prototype : missing('the prototype of a class');
  }
  const late: number[] = [];
  for (let id = 0; id < size; id++) {
    if (kinds[id] === Kind.Instance) {
      const parent = entries[parents[id] as number];
      if (parent === undefined) late.push(id);
      entries[id] = Object.create(isObject(parent) ? parent : null);
    } else if (kinds[id] === Kind.Stated) {
      const parent = entries[records[id]?.['target'] as number];
      entries[id] = Object.create(isObject(parent) ? parent : null);
    }
  }
  for (const id of late) setPrototype(entries[id], entries[parents[id] as number]);
}

function linkPrototypes({ size, flags, prototypes }: ParsedPayload, entries: unknown[]): void {
  for (let id = 0; id < size; id++) {
    const own = flags[id] as number;
    if ((own & HeadFlag.Prototype) !== 0) {
      const prototype = prototypes[id] as number;
      setPrototype(entries[id], prototype === 0 ? null : entries[prototype - 1]);
    }
    if ((own & HeadFlag.Emitter) !== 0)
      EventEmitter.call(
        entries[id] as EventEmitter,
        (own & HeadFlag.CapturesRejections) === 0 ? undefined : { captureRejections: true },
      );
  }
}

function setPrototype(object: unknown, prototype: unknown): void {
  if (
    !isObject(object) ||
    (prototype !== null && !isObject(prototype)) ||
    !Reflect.setPrototypeOf(object, prototype)
  )
    throw new PayloadError('an entry has a prototype that is none');
}

function findGlobal(module: string, path: readonly string[]): unknown {
  return (
    builtinAt({ module, path }) ?? missing(`the built-in ${[module, ...path].filter(Boolean).join('.')}`)
  );
}

function findExport(module: string, path: readonly string[]): unknown {
  let value: unknown = loadedModule(module);
  for (const name of path) value = isObject(value) ? (Reflect.get(value, name) as unknown) : undefined;
  if (value !== undefined) return value;
  throw new PayloadError(
    `the module ${module} has no export ${path.join('.')} here`,
    'Run the same code on both sides.',
  );
}

function missing(what: string): never {
  throw new PayloadError(
    `${what} does not exist here`,
    'Use the same version of Node.js and of your code on both sides.',
  );
}

function checked<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new PayloadError('an entry cannot be made of what is written', undefined, { cause });
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
