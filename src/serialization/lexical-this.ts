import type { Encoder } from './encoder.js';

/**
 * The object that `this` of an arrow function is. Nothing shows it; but an arrow that stands in the text of a class, and is met on the way from an
 * instance of that class (or from the class), was made by its constructor, a field or a method.
 */
export function findOwner(encoder: Encoder, arrow: object): { readonly value: unknown } | undefined {
  const text = Function.prototype.toString.call(arrow);
  for (
    let parent = encoder.parentOf(encoder.current);
    parent !== undefined;
    parent = encoder.parentOf(parent.id)
  ) {
    if (isInClassOf(parent.entry, text)) return { value: parent.entry };
  }
  return undefined;
}

function isInClassOf(entry: object | symbol, text: string): boolean {
  if (typeof entry === 'symbol') return false;
  if (typeof entry === 'function') return isClassWith(entry, text);
  for (let current = Object.getPrototypeOf(entry) as object | null; current !== null;) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(current, 'constructor')?.value;
    if (typeof constructor === 'function' && isClassWith(constructor, text)) return true;
    current = Object.getPrototypeOf(current) as object | null;
  }
  return false;
}

function isClassWith(fn: object, text: string): boolean {
  const whole = Function.prototype.toString.call(fn);
  return whole.startsWith('class') && whole.includes(text);
}
