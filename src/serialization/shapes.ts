import { Attribute } from './format.js';

/** Which own properties an object has: keys in order, with their attributes. */
export interface Shape {
  readonly id: number;
  readonly keys: readonly PropertyKey[];
  readonly attributes: readonly number[];
  /** All properties are as plain assignment makes them. */
  readonly isPlain: boolean;
}

interface Branch {
  shape: Shape | undefined;
  readonly next: Map<PropertyKey, (Branch | undefined)[]>;
}

/** Objects with more properties have shapes of their own. */
const SHARED_KEYS = 200;

/** The shapes of a payload, each once. */
export class ShapeTable {
  readonly shapes: Shape[] = [];
  readonly #root: Branch = { shape: undefined, next: new Map() };

  /** The shape of these keys and attributes; attributes that are left out are 0. */
  get(keys: readonly PropertyKey[], attributes: readonly number[]): Shape {
    // A large dictionary shares its keys with no other, and a branch for each of them takes room.
    if (keys.length > SHARED_KEYS) return this.#add(keys, attributes);
    let branch = this.#root;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as PropertyKey;
      const attribute = attributes[index] ?? 0;
      let branches = branch.next.get(key);
      if (branches === undefined) branch.next.set(key, (branches = []));
      branch = branches[attribute] ??= { shape: undefined, next: new Map() };
    }
    return (branch.shape ??= this.#add(keys, attributes));
  }

  #add(keys: readonly PropertyKey[], attributes: readonly number[]): Shape {
    const isPlain = attributes.every((attribute) => attribute === 0);
    const shape = { id: this.shapes.length, keys: [...keys], attributes: [...attributes], isPlain };
    this.shapes.push(shape);
    return shape;
  }
}

/** The attributes of a property as a shape holds them. */
export function attributesOf(descriptor: PropertyDescriptor): number {
  const isAccessor = descriptor.get !== undefined || descriptor.set !== undefined;
  return (
    (isAccessor ? Attribute.Accessor : 0) |
    (descriptor.enumerable === true ? 0 : Attribute.NonEnumerable) |
    (isAccessor || descriptor.writable === true ? 0 : Attribute.NonWritable) |
    (descriptor.configurable === true ? 0 : Attribute.NonConfigurable)
  );
}
