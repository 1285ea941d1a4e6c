import { SerializationError } from '../errors/index.js';
import { ByteWriter } from './byte-writer.js';
import { CapturedScopes } from './captured-scopes.js';
import { placeOfBuiltin } from './globals.js';
import { HAS_FLAGS, HeadFlag, Kind, Tag } from './format.js';
import type { HeapSearch } from './heap-search.js';
import type { Arrivals } from './journey.js';
import { hintFor } from './loading-hints.js';
import { placeOfExport } from './modules.js';
import { formatPath, type Step } from './path.js';
import { unwrapped } from './patched-keys.js';
import { PropertyCollector } from './property-collector.js';
import type { Refusal } from './refusals.js';
import { isWellKnown } from './symbols.js';

/** What an encoding is asked to do. */
export interface EncodeSettings {
  readonly byValue: 'auto' | 'never';
  readonly node: string | undefined;
  readonly takesBuffers: boolean;
  readonly sharedMemory: boolean;
  /** Whether {@link Encoder.sizes} will be asked for. */
  readonly measures: boolean;
  /** Called for each refusal, instead of throwing it. */
  readonly onRefusal: ((error: SerializationError) => void) | undefined;
  /** What goes back as what it was. */
  readonly arrivals?: Arrivals;
}

/** An ArrayBuffer of the payload; of a pool only the parts that views show. */
export interface EncodedBuffer {
  readonly id: number;
  readonly buffer: ArrayBufferLike;
  /** `[start, end]` in bytes, for a pool. */
  readonly ranges: [number, number][] | undefined;
}

/** How a table entry is carried, for those who want to know. */
export interface Note {
  readonly id: number;
  readonly how: 'reference' | 'value';
  readonly what: string;
}

/**
 * One pass over a graph. Objects wait in a queue rather than on the stack, so no depth is too deep; numbers are given when an object is met first.
 */
export class Encoder {
  readonly heads: ByteWriter;
  readonly contents: ByteWriter;
  readonly settings: EncodeSettings;
  readonly heap: HeapSearch;
  readonly scopes: CapturedScopes = new CapturedScopes();
  readonly properties: PropertyCollector = new PropertyCollector();
  readonly moduleNames: string[] = [];
  readonly buffers: EncodedBuffer[] = [];
  readonly notes: Note[] = [];
  /** Functions and classes whose code goes along, by number. */
  readonly codeByValue: [number, object][] = [];
  /** Functions in fields of what goes back: they stay there as they are. */
  readonly staying: Set<unknown> = new Set<unknown>();
  /** Modules to look into before the next pass. */
  readonly missing: Set<string> = new Set<string>();
  /** Arrow functions whose `this` must be looked for before the next pass. */
  readonly unbound: Set<object> = new Set<object>();
  /** Something learned late makes this pass useless. */
  mustRepeat = false;
  /** The entry whose content is being written. */
  current = -1;
  readonly #entries: (object | symbol)[] = [];
  #count = 0;
  readonly #ids = new Map<object | symbol, number>();
  readonly #parents: number[] = [];
  readonly #steps: Step[] = [];
  /** Bytes of heads and contents up to and with each entry, where sizes are wanted. */
  readonly #ends: number[] = [];
  readonly #encodeEntry: (encoder: Encoder, entry: object | symbol) => void;

  constructor(
    settings: EncodeSettings,
    writers: { readonly heads: ByteWriter; readonly contents: ByteWriter },
    encodeEntry: (encoder: Encoder, entry: object | symbol) => void,
    heap: HeapSearch,
  ) {
    this.settings = settings;
    this.heap = heap;
    this.heads = writers.heads;
    this.contents = writers.contents;
    this.#encodeEntry = encodeEntry;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#count;
  }

  /** Writes everything that waits; writing one may add others. */
  drain(): void {
    const entries = this.#entries;
    for (let id = this.current + 1; id < this.#count; id++) {
      this.current = id;
      this.#encodeEntry(this, entries[id] as object | symbol);
      if (this.settings.measures) this.#ends.push(this.heads.length + this.contents.length);
    }
  }

  /** The number of an object; met for the first time, it is put into the queue as a step from the current one. */
  refer(met: object | symbol, step: Step): number {
    const value = typeof met === 'function' ? unwrapped(met) : met;
    const known = this.#ids.get(value);
    if (known !== undefined) return known;
    const id = this.#count++;
    this.#ids.set(value, id);
    this.#entries[id] = value;
    this.#parents[id] = this.current;
    this.#steps[id] = step;
    return id;
  }

  /** Whether an object has a number by now. */
  has(value: object | symbol): boolean {
    return this.#ids.has(value);
  }

  /** Writes a value into the current content. */
  value(value: unknown, step: Step): void {
    const { contents } = this;
    switch (typeof value) {
      case 'number':
        contents.numberValue(value);
        break;
      case 'string':
        contents.stringValue(value);
        break;
      case 'boolean':
        contents.byte(value ? Tag.True : Tag.False);
        break;
      case 'undefined':
        contents.byte(Tag.Undefined);
        break;
      case 'bigint':
        contents.byte(Tag.BigInt);
        contents.string(value < 0n ? `-${(-value).toString(16)}` : value.toString(16));
        break;
      default:
        if (value === null) {
          contents.byte(Tag.Null);
        } else {
          contents.byte(Tag.Reference);
          contents.varint(this.refer(value as object | symbol, step));
        }
    }
  }

  /** Writes the head of the current entry; what else belongs to its kind follows in `heads`. */
  head(kind: Kind, flags: number, prototype?: object | null): void {
    if (flags === 0) {
      this.heads.byte(kind);
      return;
    }
    this.heads.byte(kind | HAS_FLAGS);
    this.heads.byte(flags);
    if ((flags & HeadFlag.Prototype) !== 0)
      this.heads.varint(
        prototype === null || prototype === undefined ? 0 : this.refer(prototype, { text: 'prototype' }) + 1,
      );
  }

  /** The position of a module in the payload's list. */
  module(name: string): number {
    const known = this.moduleNames.indexOf(name);
    return known === -1 ? this.moduleNames.push(name) - 1 : known;
  }

  /** Remembers how the current entry is carried. */
  note(how: Note['how'], what: string): void {
    if (this.settings.onRefusal !== undefined) this.notes.push({ id: this.current, how, what });
  }

  /** What stands for an entry that was refused, where refusals are collected. */
  placeholder(): void {
    this.heads.byte(Kind.NullObject);
    this.heads.varint(this.properties.collect({}, []).id);
  }

  /** The number by which the receiver knows an object that it sent. */
  originOf(value: object): number | undefined {
    const { arrivals } = this.settings;
    const number = arrivals?.numbers.get(value);
    return number !== undefined && (arrivals?.lasting.has(value) === true || this.staying.has(value))
      ? number
      : undefined;
  }

  /** Whether a symbol is known to nobody but code of this program. */
  isPrivateSymbol(symbol: symbol): boolean {
    const isOfAll = Symbol.keyFor(symbol) !== undefined || isWellKnown(symbol);
    return !isOfAll && placeOfExport(symbol) === undefined && placeOfBuiltin(symbol) === undefined;
  }

  /** Refuses the current entry, or what is a step from it. */
  refuse(refusal: Refusal, step?: Step): void {
    const path = this.pathOf(this.current, step);
    const suggestion = refusal.suggestion + hintFor(path);
    const error = new SerializationError({ ...refusal, suggestion, path, nodeId: this.settings.node });
    if (this.settings.onRefusal === undefined) throw error;
    this.settings.onRefusal(error);
  }

  /** The entry from which another one was met first. */
  parentOf(id: number): { readonly id: number; readonly entry: object | symbol } | undefined {
    const parent = this.#parents[id];
    if (parent === undefined || parent < 0) return undefined;
    return { id: parent, entry: this.#entries[parent] as object | symbol };
  }

  /** Where an entry is, seen from the value that was given. */
  pathOf(id: number, last?: Step): string {
    return formatPath(this.#stepsTo(id, last));
  }

  /** Bytes by what they are reachable through first, from the value that was given; the largest first. */
  sizes(): { readonly path: string; readonly byteLength: number }[] {
    const totals = new Map<Step, number>();
    const sums = this.#ends.map((end, id) => end - (this.#ends[id - 1] ?? 0));
    for (const { id, buffer } of this.buffers) sums[id] = (sums[id] ?? 0) + buffer.byteLength;
    const tops: Step[] = [];
    for (let id = 0; id < sums.length; id++) {
      const parent = this.#parents[id] as number;
      const top = parent <= 0 ? (this.#steps[id] as Step) : (tops[parent] as Step);
      tops.push(top);
      totals.set(top, (totals.get(top) ?? 0) + (sums[id] ?? 0));
    }
    return [...totals]
      .map(([step, byteLength]) => ({ path: formatPath(step === '' ? [] : [step]), byteLength }))
      .sort((a, b) => b.byteLength - a.byteLength);
  }

  #stepsTo(id: number, last: Step | undefined): Step[] {
    const steps: Step[] = last === undefined ? [] : [last];
    for (let current = id; current > 0; current = this.#parents[current] as number) {
      const step = this.#steps[current] as Step;
      if (step !== '') steps.push(step);
    }
    return steps.reverse();
  }
}
