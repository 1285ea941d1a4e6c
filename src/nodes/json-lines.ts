import { Tensor, type AudioFrame, type BinaryData, type JsonValue, type VideoFrame } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';

/**
 * A JSON document for any item. What JSON cannot hold is written like this:
 *
 * - a bigint: as a number up to 2⁵³, else as a string; NaN and infinite numbers as `"NaN"`, `"Infinity"`, `"-Infinity"`
 * - AudioFrame, VideoFrame, BinaryData, Tensor, typed arrays: everything but their content, with its length
 * - Map: an object, its keys as strings; Set: an array; Error: `{name, message}`; undefined: left out, in an array `null`
 *
 * @throws RemoteMediaError `RM_INVALID_INPUT` that names the place of a function, a symbol or a circular reference.
 */
export function toJsonLine(node: string, item: unknown): string {
  return JSON.stringify(new JsonWriter(node).convert(item, '') ?? null);
}

class JsonWriter {
  readonly #node: string;
  readonly #open = new Set<object>();

  constructor(node: string) {
    this.#node = node;
  }

  convert(value: unknown, path: string): JsonValue | undefined {
    switch (typeof value) {
      case 'string':
      case 'boolean':
      case 'undefined':
        return value;
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'bigint':
        return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
      case 'object':
        return value === null ? null : this.#convertObject(value, path);
      default:
        throw this.#error(path, `is a ${typeof value}, which JSON cannot hold`);
    }
  }

  #convertObject(value: object, path: string): JsonValue | undefined {
    if (this.#open.has(value)) throw this.#error(path, 'refers back to an object that holds it');
    this.#open.add(value);
    try {
      const summary = summaryOf(value);
      if (summary !== undefined) return this.#convertFields(Object.entries(summary), path);
      if (Array.isArray(value)) return this.#convertList(value, path);
      if (value instanceof Set) return this.#convertList([...value], path);
      if (value instanceof Map) return this.#convertFields([...(value as Map<unknown, unknown>)], path);
      if (value instanceof Error) return { name: value.name, message: value.message };
      if (hasToJson(value)) return this.convert(value.toJSON(), path);
      return this.#convertFields(Object.entries(value), path);
    } finally {
      this.#open.delete(value);
    }
  }

  #convertList(list: readonly unknown[], path: string): JsonValue[] {
    return list.map((element, index) => this.convert(element, `${path}[${index}]`) ?? null);
  }

  #convertFields(fields: readonly (readonly [unknown, unknown])[], path: string): JsonValue {
    const converted: [string, JsonValue][] = [];
    for (const [key, field] of fields) {
      const value = this.convert(field, `${path}.${String(key)}`);
      if (value !== undefined) converted.push([String(key), value]);
    }
    // Unlike an assignment, it also makes a field of the name __proto__.
    return Object.fromEntries(converted);
  }

  #error(path: string, problem: string): RemoteMediaError {
    const place = path === '' ? 'the item' : `item${path}`;
    return new RemoteMediaError(
      'RM_INVALID_INPUT',
      `${this.#node}: ${place} ${problem}. Put a node before it that picks what to write.`,
    );
  }
}

/** An object that stands for bulk data, or `undefined` for anything else. */
function summaryOf(value: object): Record<string, unknown> | undefined {
  if (value instanceof Tensor) return { kind: 'tensor', dtype: value.dtype, shape: value.shape };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return arraySummary(value);
  switch ((value as { kind?: unknown }).kind) {
    case 'audio':
    case 'video':
    case 'binary': {
      const { data, ...rest } = value as AudioFrame | VideoFrame | BinaryData;
      return ArrayBuffer.isView(data) ? { ...rest, byteLength: data.byteLength } : undefined;
    }
    default:
      return undefined;
  }
}

function arraySummary(value: ArrayBufferView | ArrayBufferLike): Record<string, unknown> {
  const type = Buffer.isBuffer(value) ? 'Uint8Array' : Object.prototype.toString.call(value).slice(8, -1);
  return 'length' in value ? { type, length: value.length } : { type, byteLength: value.byteLength };
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}
