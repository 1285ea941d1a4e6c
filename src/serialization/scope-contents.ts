import type { ScopeCopy } from './inspector.js';

/** Longer strings are written as numbers. */
const SHORT = 40;

/** Writes what scopes hold as text, the same for the same and no other: looking for it takes no time then, however many there are. */
export class ScopeContents {
  readonly #numbers = new Map<unknown, number>();

  /** The place of a scope, and its variables with their values. */
  keyOf({ description, variables }: ScopeCopy): string {
    let key = JSON.stringify(description);
    for (const name of Object.keys(variables)) key += `,${name}=${this.#textOf(variables[name])}`;
    return key;
  }

  #textOf(value: unknown): string {
    switch (typeof value) {
      case 'number':
        return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint':
        return `${String(value)}n`;
      case 'boolean':
      case 'undefined':
        return String(value);
      case 'string':
        return value.length <= SHORT ? JSON.stringify(value) : this.#numberOf(value);
      default:
        return value === null ? 'null' : this.#numberOf(value);
    }
  }

  #numberOf(value: unknown): string {
    let number = this.#numbers.get(value);
    if (number === undefined) this.#numbers.set(value, (number = this.#numbers.size));
    return `#${number}`;
  }
}
