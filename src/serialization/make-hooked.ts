import { PayloadError } from '../errors/index.js';
import type { ContentMap } from './content-scan.js';
import type { Decoder } from './decoder.js';
import { Kind, MakeMode } from './format.js';
import { DESERIALIZE } from './hooks.js';
import type { FunctionText } from './link-code.js';
import { made } from './make-entries.js';
import type { ParsedPayload } from './parse-payload.js';
import { readValue } from './value-reader.js';

/** Hooks whose states hold objects with hooks, one in the other. */
const DEPTH_LIMIT = 500;

/**
 * Makes the objects that hooks make. A hook is given a state that is whole: everything that can be reached from it is made and filled before.
 */
export function makeHooked(decoder: Decoder, map: ContentMap, setVariables: () => void): void {
  const maker = new HookedMaker(decoder, map, setVariables);
  decoder.prepareShapes();
  const { kinds, size } = decoder.payload;
  for (let id = 0; id < size; id++) if (kinds[id] === Kind.Made) maker.make(id, 0);
}

class HookedMaker {
  readonly #decoder: Decoder;
  readonly #map: ContentMap;
  readonly #setVariables: () => void;
  readonly #open = new Set<number>();
  readonly #done = new Set<number>();

  constructor(decoder: Decoder, map: ContentMap, setVariables: () => void) {
    this.#decoder = decoder;
    this.#map = map;
    this.#setVariables = setVariables;
  }

  make(id: number, depth: number): void {
    if (this.#done.has(id)) return;
    if (this.#open.has(id) || depth > DEPTH_LIMIT)
      throw new PayloadError(
        'the state that a hook gave leads back to its own object',
        'Use the hooks getState and setState, which work in cycles.',
      );
    this.#open.add(id);
    const reached = this.#reach(id);
    for (const other of reached) if (this.#isMade(other) && other !== id) this.make(other, depth + 1);
    for (const other of reached) if (!this.#isMade(other)) this.#fill(other);
    // Functions that the hook uses read what was made just now.
    this.#setVariables();
    this.#decoder.entries[id] = this.#call(id);
    this.#open.delete(id);
    this.#done.add(id);
  }

  #isMade(id: number): boolean {
    return this.#decoder.payload.kinds[id] === Kind.Made;
  }

  /** All that can be reached from an object's state, up to other objects with hooks. */
  #reach(id: number): number[] {
    const seen = new Set([id]);
    const queue = [id];
    for (const current of queue) {
      if (current !== id && this.#isMade(current)) continue;
      for (const next of this.#referencesOf(current)) {
        if (seen.has(next)) {
          if (next === id) this.#refuseCycle();
          continue;
        }
        seen.add(next);
        queue.push(next);
      }
    }
    return queue;
  }

  #refuseCycle(): never {
    throw new PayloadError(
      'the state that a hook gave leads back to its own object',
      'Use the hooks getState and setState, which work in cycles.',
    );
  }

  #referencesOf(id: number): number[] {
    const { payload } = this.#decoder;
    const record = payload.records[id] ?? {};
    const found = [...(this.#map.references[id] ?? [])];
    for (const key of ['target', 'self', 'buffer'])
      if (typeof record[key] === 'number') found.push(record[key]);
    if (payload.kinds[id] === Kind.Instance) found.push(payload.parents[id] as number);
    const prototype = payload.prototypes[id] as number;
    if (prototype > 0) found.push(prototype - 1);
    const text = record['text'] as FunctionText | undefined;
    if (typeof text === 'object') found.push(...this.#scopeReferences(payload, text.scope));
    return found;
  }

  #scopeReferences(payload: ParsedPayload, scope: number): number[] {
    const found: number[] = [];
    for (let current = scope; current !== -1; current = payload.scopes[current]?.parent ?? -1)
      found.push(...(this.#map.references[payload.size + current] ?? []));
    return found;
  }

  #fill(id: number): void {
    if (this.#decoder.filled.has(id)) return;
    this.#decoder.filled.add(id);
    this.#decoder.reader.position = this.#map.offsets[id] as number;
    this.#decoder.fill(id);
  }

  #call(id: number): unknown {
    const { payload, entries, reader } = this.#decoder;
    const record = payload.records[id] ?? {};
    reader.position = this.#map.offsets[id] as number;
    const args = Array.from({ length: reader.count() }, () => readValue(reader, entries));
    const callee = made(entries, record['target'] as number);
    if (typeof callee !== 'function') throw new PayloadError('what is to make an object is no function');
    if (record['mode'] === MakeMode.Deserialize) return deserializedBy(callee, args);
    const isClass = /^class\b/.test(Function.prototype.toString.call(callee));
    return isClass
      ? (Reflect.construct(callee, args) as unknown)
      : (Reflect.apply(callee, undefined, args) as unknown);
  }
}

interface DeserializingClass {
  readonly name: string;
  readonly prototype: object;
  readonly [DESERIALIZE]?: unknown;
}

/** A class inherits the hook of the one that it extends, which may know only itself. */
function deserializedBy(constructor: DeserializingClass, args: unknown[]): unknown {
  const hook = constructor[DESERIALIZE];
  const name = 'static method [Symbol.for("remotemedia.deserialize")]';
  if (typeof hook !== 'function') throw new PayloadError(`class ${constructor.name} has no ${name} here`);
  const made: unknown = Reflect.apply(hook, constructor, args);
  const prototype: unknown =
    typeof made === 'object' && made !== null ? Object.getPrototypeOf(made) : undefined;
  if (prototype === constructor.prototype) return made;
  throw new PayloadError(
    `the ${name} of class ${constructor.name} gave ${describeMade(made)} instead of an instance of ${constructor.name}`,
    'Use `new this(…)` in it, as it is called on the class of the instance, or give the class hooks of its own.',
  );
}

function describeMade(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a value of type ${typeof value}`;
  const constructor: unknown = Reflect.get(value, 'constructor');
  return typeof constructor === 'function'
    ? `an instance of ${constructor.name}`
    : 'an object without a class';
}
