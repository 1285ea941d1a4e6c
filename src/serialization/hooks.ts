/** A method without arguments that gives an instance's state; the class's {@link DESERIALIZE} makes an instance of it. */
export const SERIALIZE: unique symbol = Symbol.for('remotemedia.serialize') as never;
/** A static method that makes an instance of the state that {@link SERIALIZE} gave. */
export const DESERIALIZE: unique symbol = Symbol.for('remotemedia.deserialize') as never;
/** A method without arguments that gives an instance's state; {@link SET_STATE} takes it. */
export const GET_STATE: unique symbol = Symbol.for('remotemedia.getState') as never;
/** A method that takes the state on an instance whose constructor did not run. Works in cycles. */
export const SET_STATE: unique symbol = Symbol.for('remotemedia.setState') as never;
/** A method that gives `[factory, ...args]`, or `{ module, export, args }`: the other side calls it, with `new` where it is a class. */
export const REDUCE: unique symbol = Symbol.for('remotemedia.reduce') as never;
/** A function that stands for another one, which the other side is to have instead: the other one. */
export const STANDS_FOR: unique symbol = Symbol.for('remotemedia.standsFor') as never;

/** What the other side imports and calls to make an object. */
export interface Construction {
  /** URL or absolute path of the module: mostly `import.meta.url`. */
  readonly module: string | URL;
  /** Name of the export, a class or a function. */
  readonly export: string;
  /** What it is called with; serialized as any value. @defaultValue none */
  readonly args?: readonly unknown[];
}

const constructions = new WeakMap<object, Construction>();

/**
 * A stand-in for an object that the other side makes itself: the cheapest way for one that cannot be carried. It may be serialized, alone or in any
 * value; deserialized it is what the export gave.
 *
 * @example
 * ```ts
 * const bytes = await serialize({ model: constructed({ module: import.meta.url, export: 'Model', args: ['tiny.onnx'] }) });
 * ```
 */
export function constructed(construction: Construction): object {
  const standIn = Object.freeze({ ...construction });
  constructions.set(standIn, standIn);
  return standIn;
}

/** What a stand-in stands for. */
export function constructionOf(value: object): Construction | undefined {
  return constructions.get(value);
}

/** Reads a hook, which may be on the prototype. */
export function hookOf(value: object, hook: symbol): ((...args: unknown[]) => unknown) | undefined {
  const method: unknown = Reflect.get(value, hook);
  return typeof method === 'function' ? (method as (...args: unknown[]) => unknown) : undefined;
}
