import { createRequire } from 'node:module';
import { readFileSync, realpathSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InvalidArgumentError } from '../errors/index.js';
import { loadedBuiltins } from './globals.js';

const require = createRequire(import.meta.url);
/** A module that is still being evaluated never answers an import. */
const IMPORT_TIMEOUT_MS = 2000;

/** Where another program finds a value: what it imports, and the names from there on. */
export interface ExportPlace {
  readonly module: string;
  readonly path: readonly string[];
  /** It was found on an exported object. Such an object is copied, so what belongs to the one here must not be that of the other side. */
  readonly isOfObject?: boolean;
}

const exportsOfModules = new Map<object | symbol, ExportPlace>();
const namespaces = new WeakMap<object, string>();
const loaded = new Map<string, object>();
const unusable = new Set<string>();
const seenInRequire = new Set<string>();

/**
 * Says where the exports of a module can be imported, so that its classes and functions go by reference without being looked for, also where
 * nothing can be looked for: in bundles, and under `--permission`.
 *
 * @param url - What the other side imports: mostly `import.meta.url` of the module, else any URL or absolute path.
 * @param exports - The module's namespace (`import * as nodes from …`), or an object of some of its exports under their names.
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` for a relative path.
 */
export function registerModule(url: string | URL, exports: object): void {
  indexModule(toSpecifier(url), exports);
}

/** Where a value is exported, as far as it is known by now. */
export function placeOfExport(value: object | symbol): ExportPlace | undefined {
  const known = exportsOfModules.get(value);
  if (known !== undefined) return known;
  indexRequired();
  return exportsOfModules.get(value);
}

/** The module that a namespace object belongs to. */
export function moduleOfNamespace(namespace: object): string | undefined {
  return namespaces.get(namespace);
}

/** The namespace of a module that has been imported here. */
export function loadedModule(specifier: string): object | undefined {
  return loaded.get(specifier);
}

/** Whether looking at a module's exports could still tell something. */
export function canLookInto(specifier: string): boolean {
  return !loaded.has(specifier) && !unusable.has(specifier);
}

/** Imports modules that are loaded already, to learn their exports. What cannot be imported is remembered as such. */
export async function lookIntoModules(specifiers: Iterable<string>): Promise<void> {
  await Promise.all(
    [...specifiers].map(async (specifier) => {
      try {
        const namespace = await withTimeout(import(specifier) as Promise<object>);
        if (namespace === undefined) unusable.add(specifier);
        else indexModule(specifier, namespace);
      } catch {
        unusable.add(specifier);
      }
    }),
  );
}

/** Imports a module for a payload. */
export async function importModule(specifier: string): Promise<object> {
  const known = loaded.get(specifier);
  if (known !== undefined) return known;
  const namespace = (await import(specifier)) as object;
  indexModule(specifier, namespace);
  return namespace;
}

/** Learns which namespace objects are those of modules of Node.js; gives whether there were any to learn. */
export function missingBuiltins(): string[] {
  return loadedBuiltins().filter((name) => canLookInto(name));
}

/**
 * What `import * as name from '…'` in a file says of a namespace object, whose module nothing else tells.
 */
export function namespaceSources(name: string, url: string): string[] {
  const file = importableUrl(url);
  if (file === undefined) return [];
  const pattern = new RegExp(
    `import\\s*(?:[\\w$]+\\s*,\\s*)?\\*\\s*as\\s+${name.replaceAll('$', '\\$')}\\s+from\\s*["']([^"']+)["']`,
    'g',
  );
  try {
    const text = readFileSync(fileURLToPath(file), 'utf8');
    return [...text.matchAll(pattern)]
      .map(([, specifier]) => resolveFrom(specifier as string, file))
      .filter(canLookInto);
  } catch {
    return [];
  }
}

function resolveFrom(specifier: string, file: string): string {
  if (/^\.{0,2}\//.test(specifier)) return new URL(specifier, file).href;
  if (URL.canParse(specifier)) return specifier;
  return pathToFileURL(createRequire(file).resolve(specifier)).href;
}

/** The file of the program itself: to import it would run the program again. */
export function isEntryScript(url: string): boolean {
  return url === entryUrl();
}

/** The URL to import for the URL or the bare path of a script; queries tell copies apart, and another program has none. */
export function importableUrl(scriptUrl: string): string | undefined {
  if (isAbsolute(scriptUrl)) return pathToFileURL(scriptUrl).href;
  return scriptUrl.startsWith('file:') ? scriptUrl.replace(/[?#].*$/, '') : undefined;
}

let entry: string | undefined;

function entryUrl(): string {
  if (entry !== undefined) return entry;
  const script = process.argv[1];
  try {
    // `node program` finds program.js as `require` does.
    entry = script === undefined ? '' : pathToFileURL(realpathSync(require.resolve(script))).href;
  } catch {
    entry = '';
  }
  return entry;
}

/** What an import takes for a URL or an absolute path. */
export function toSpecifier(url: string | URL): string {
  const text = String(url);
  if (isAbsolute(text)) return pathToFileURL(text).href;
  if (URL.canParse(text)) return text;
  throw new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `registerModule() takes a URL or an absolute path, but got "${text}". Give import.meta.url of the module, or import.meta.resolve("${text}").`,
  );
}

function indexModule(specifier: string, exports: object): void {
  if (isNamespace(exports)) {
    loaded.set(specifier, exports);
    namespaces.set(exports, specifier);
  }
  // Exports of Node.js are found by their names.
  if (!specifier.startsWith('node:')) indexExports(specifier, exports);
}

/** Exports, and the functions that hang on exported classes and on objects of literals: two levels. */
function indexExports(module: string, exports: object): void {
  const found = dataProperties(exports).filter((property): property is [string, object | symbol] =>
    isFindable(property[1]),
  );
  for (const [name, value] of found) addPlace(value, { module, path: [name] });
  for (const [name, value] of found) {
    if (typeof value === 'symbol' || !isHolder(value)) continue;
    // A default export that is an object is what `module.exports` is elsewhere.
    const isOfObject = typeof value === 'object' && name !== 'default';
    for (const [inner, nested] of dataProperties(value))
      if (typeof nested === 'function') addPlace(nested, { module, path: [name, inner], isOfObject });
  }
}

function addPlace(value: object | symbol, place: ExportPlace): void {
  if (typeof value === 'object') return;
  const known = exportsOfModules.get(value);
  if (known === undefined || (known.isOfObject === true && place.isOfObject !== true))
    exportsOfModules.set(value, place);
}

/** Functions on an instance are its own: the instance of the other side has others. */
function isHolder(value: object): boolean {
  if (typeof value === 'function' || isNamespace(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || prototype === Object.prototype;
}

/** CommonJS modules stand in one table, which ES modules can see as well. */
function indexRequired(): void {
  const files = Object.keys(require.cache);
  if (files.length === seenInRequire.size) return;
  for (const [file, module] of Object.entries(require.cache)) {
    if (module?.loaded !== true || seenInRequire.has(file)) continue;
    seenInRequire.add(file);
    const specifier = pathToFileURL(file).href;
    const exports: unknown = module.exports;
    if (isEntryScript(specifier) || !isFindable(exports) || typeof exports === 'symbol') continue;
    if (isNamespace(exports)) {
      // An ES module that was loaded by `require`.
      indexModule(specifier, exports);
      continue;
    }
    addPlace(exports, { module: specifier, path: ['default'] });
    if (!isHolder(exports)) continue;
    for (const [name, value] of dataProperties(exports))
      if (isFindable(value)) addPlace(value, { module: specifier, path: ['default', name] });
  }
}

function dataProperties(holder: object): [string, unknown][] {
  const properties: [string, unknown][] = [];
  for (const name of Object.getOwnPropertyNames(holder)) {
    if (name === 'prototype' || name === 'caller' || name === 'arguments') continue;
    try {
      // A binding of a namespace that is not initialized yet throws.
      const descriptor = Object.getOwnPropertyDescriptor(holder, name);
      if (descriptor !== undefined && 'value' in descriptor) properties.push([name, descriptor.value]);
      // Compiled CommonJS re-exports through accessors.
      else if (descriptor?.get !== undefined && '__esModule' in holder)
        properties.push([name, Reflect.get(holder, name)]);
    } catch {
      continue;
    }
  }
  return properties;
}

function isFindable(value: unknown): value is object | symbol {
  return (
    (typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'symbol'
  );
}

function isNamespace(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Module]';
}

async function withTimeout<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, IMPORT_TIMEOUT_MS, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
