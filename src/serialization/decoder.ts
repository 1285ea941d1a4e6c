import { PayloadError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import { scanContents, type ContentMap } from './content-scan.js';
import { fillEntry, resolveShapes, type DecodedShape } from './fill-entry.js';
import { HeadFlag, Kind } from './format.js';
import { SET_STATE } from './hooks.js';
import type { Linked } from './link-code.js';
import { hasCode, makeCode, makeData, made } from './make-entries.js';
import { makeHooked } from './make-hooked.js';
import { importModule } from './modules.js';
import type { ParsedPayload } from './parse-payload.js';
import { readValue } from './value-reader.js';

/** Makes the value of a payload that has been taken apart. */
export class Decoder {
  readonly payload: ParsedPayload;
  readonly reader: ByteReader;
  readonly entries: unknown[];
  /** Entries that have their content before all others, as a hook needed them. */
  readonly filled: Set<number> = new Set<number>();
  #shapes: readonly DecodedShape[] = [];
  #map: ContentMap | undefined;

  constructor(payload: ParsedPayload, reader: ByteReader) {
    this.payload = payload;
    this.reader = reader;
    this.entries = new Array<unknown>(payload.size);
  }

  /** Checks everything, imports modules, then makes the entries, fills them and gives the value. */
  async decode(): Promise<unknown> {
    const { payload, reader, entries } = this;
    if (!hasCode(payload)) {
      makeData(payload, entries);
      return this.#fillAll();
    }
    this.#map = scanContents(payload, reader);
    await importModules(payload.modules);
    makeData(payload, entries);
    const linked = makeCode(payload, entries, {
      setVariables: (code) => this.#setVariables(code),
      bind: () => this.#bind(),
    });
    this.#setVariables(linked);
    if (payload.kinds.includes(Kind.Made)) {
      makeHooked(this, this.#map, () => this.#setVariables(linked));
      this.#setVariables(linked);
    }
    const value = this.#fillAll();
    this.#giveStates();
    return value;
  }

  /** Fills one entry; the reader stands at its content. */
  fill(id: number): void {
    fillEntry(this.payload, this.reader, this.entries, this.#shapes, id);
  }

  /** Made when all keys that are symbols are. */
  prepareShapes(): void {
    if (this.#shapes.length === 0) this.#shapes = resolveShapes(this.payload.shapes, this.entries);
  }

  #fillAll(): unknown {
    const { payload, reader, entries } = this;
    this.prepareShapes();
    reader.position = payload.contentsAt;
    const value = readValue(reader, entries);
    for (let id = 0; id < payload.size; id++) {
      // What a hook was given has been filled, and the hook may have changed it since.
      if (this.filled.size > 0 && this.#map !== undefined) {
        if (this.filled.has(id)) continue;
        reader.position = this.#map.offsets[id] as number;
      }
      this.fill(id);
    }
    if (this.#map === undefined && reader.position !== payload.contentsEnd)
      throw new PayloadError('its contents do not end where they should');
    this.#protect();
    return value;
  }

  #setVariables({ setters }: Linked): void {
    if (setters.length === 0 || this.#map === undefined) return;
    this.reader.position = this.#map.scopesAt;
    this.payload.scopes.forEach(({ names }, scope) => {
      names.forEach((_, index) => {
        const value = readValue(this.reader, this.entries);
        setters[scope]?.[index]?.(value);
      });
    });
  }

  /** A function may be bound again, and be an argument of another one. */
  #bind(): void {
    const { payload, entries, reader } = this;
    const { references, offsets } = this.#map as ContentMap;
    let waiting = [...payload.kinds.keys()].filter((id) => payload.kinds[id] === Kind.Bound);
    while (waiting.length > 0) {
      const isReady = (id: number): boolean =>
        entries[targetOf(payload, id)] !== undefined &&
        (references[id] ?? []).every((needed) => entries[needed] !== undefined);
      const ready = waiting.filter(isReady);
      if (ready.length === 0)
        throw new PayloadError('a function is bound to an object that a hook makes, or to itself');
      for (const id of ready) {
        reader.position = offsets[id] as number;
        if (((payload.flags[id] as number) & HeadFlag.Properties) !== 0) this.#skipProperties();
        const self = readValue(reader, entries);
        const args = Array.from({ length: reader.count() }, () => readValue(reader, entries));
        entries[id] = Function.prototype.bind.call(
          made(entries, targetOf(payload, id)) as () => unknown,
          self,
          ...args,
        );
      }
      waiting = waiting.filter((id) => !ready.includes(id));
    }
  }

  #skipProperties(): void {
    const { keys, attributes } = this.payload.shapes[this.reader.varint()] ?? {
      keys: [],
      attributes: undefined,
    };
    const accessors = attributes?.filter((attribute) => (attribute & 1) !== 0).length ?? 0;
    for (let left = keys.length + accessors; left > 0; left--) readValue(this.reader, this.entries);
  }

  /** The innermost first: they come last. */
  #giveStates(): void {
    const { kinds, size } = this.payload;
    if (!kinds.includes(Kind.Stated) || this.#map === undefined) return;
    for (let id = size - 1; id >= 0; id--) {
      if (kinds[id] !== Kind.Stated) continue;
      this.reader.position = this.#map.offsets[id] as number;
      const instance = this.entries[id] as { [SET_STATE]?: (state: unknown) => void };
      const state = readValue(this.reader, this.entries);
      if (typeof instance[SET_STATE] !== 'function')
        throw new PayloadError(
          'the class of an instance has no method [Symbol.for("remotemedia.setState")] here',
        );
      instance[SET_STATE](state);
    }
  }

  #protect(): void {
    const { flags, size } = this.payload;
    for (let id = 0; id < size; id++) {
      const own = flags[id] as number;
      if (own < HeadFlag.NonExtensible) continue;
      const object = this.entries[id] as object;
      if ((own & HeadFlag.Frozen) !== 0) Object.freeze(object);
      else if ((own & HeadFlag.Sealed) !== 0) Object.seal(object);
      else if ((own & HeadFlag.NonExtensible) !== 0) Object.preventExtensions(object);
    }
  }
}

function targetOf({ records }: ParsedPayload, id: number): number {
  return records[id]?.['target'] as number;
}

async function importModules(modules: readonly string[]): Promise<void> {
  for (const module of modules) {
    try {
      await importModule(module);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new PayloadError(
        `the module ${module} cannot be imported here (${reason})`,
        'Give this side the same files and packages.',
        { cause },
      );
    }
  }
}
