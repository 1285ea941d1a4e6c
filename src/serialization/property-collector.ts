import { Attribute, HeadFlag } from './format.js';
import { attributesOf, ShapeTable, type Shape } from './shapes.js';

const NO_KEYS: readonly PropertyKey[] = [];
const NO_ATTRIBUTES: readonly number[] = [];

/** Reads own properties without running an accessor. */
export class PropertyCollector {
  readonly table: ShapeTable = new ShapeTable();
  /** Values of the last object, in the order of its shape; two for an accessor. The first {@link count} are of it. */
  readonly values: unknown[] = [];
  count = 0;
  /** Whether a function was among the last object's values. */
  hasFunction = false;
  #last: Shape | undefined;

  /** The shape of some own properties; their values are in {@link values} until the next call. */
  collect(object: object, keys: readonly PropertyKey[], integrity = 0): Shape {
    const { values } = this;
    const length = keys.length;
    const known = this.#last?.keys ?? NO_KEYS;
    let isLast = this.#last !== undefined && known.length === length;
    this.hasFunction = false;
    for (let index = 0; index < length; index++) {
      const key = keys[index] as PropertyKey;
      const descriptor = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
      // An accessor has no `writable`.
      if (descriptor.writable !== true || !descriptor.enumerable || !descriptor.configurable)
        return this.#collectUnusual(object, keys, integrity);
      const value: unknown = descriptor.value;
      if (typeof value === 'function') this.hasFunction = true;
      values[index] = value;
      if (isLast && known[index] !== key) isLast = false;
    }
    this.count = length;
    if (isLast) return this.#last as Shape;
    this.#last = this.table.get(keys, NO_ATTRIBUTES);
    return this.#last;
  }

  #collectUnusual(object: object, keys: readonly PropertyKey[], integrity: number): Shape {
    const attributes: number[] = [];
    this.count = 0;
    for (const key of keys) {
      const descriptor = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
      let attribute = attributesOf(descriptor);
      // Freezing and sealing set these again.
      if (integrity === HeadFlag.Frozen) attribute &= ~(Attribute.NonWritable | Attribute.NonConfigurable);
      if (integrity === HeadFlag.Sealed) attribute &= ~Attribute.NonConfigurable;
      attributes.push(attribute);
      if ((attribute & Attribute.Accessor) === 0) this.#add(descriptor.value);
      else {
        this.#add(Reflect.get(descriptor, 'get'));
        this.#add(Reflect.get(descriptor, 'set'));
      }
    }
    return this.table.get(keys, attributes);
  }

  #add(value: unknown): void {
    if (typeof value === 'function') this.hasFunction = true;
    this.values[this.count++] = value;
  }
}

/** `HeadFlag` of what was done to keep an object from changing. */
export function integrityOf(object: object): number {
  if (Object.isExtensible(object)) return 0;
  if (Object.isFrozen(object)) return HeadFlag.Frozen;
  return Object.isSealed(object) ? HeadFlag.Sealed : HeadFlag.NonExtensible;
}
