import { InvalidArgumentError } from '../errors/index.js';
import { describeType } from '../node/index.js';

const MAX_SHOWN = 40;

/** A value with its type, for error messages: `"x" (string)`, `3 (number)`, `Map`. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const shown = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value;
      return `${JSON.stringify(shown)} (string)`;
    }
    case 'number':
    case 'bigint':
    case 'boolean':
      return `${String(value)} (${typeof value})`;
    default:
      return describeType(value);
  }
}

/** The error of an option that has a wrong type or is out of range. */
export function optionError(
  node: string,
  option: string,
  mustBe: string,
  value: unknown,
): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `${node}: ${option} must be ${mustBe}, got ${describeValue(value)}.`,
  );
}

/** An option that is a whole number from `min` to `max`. */
export function wholeNumber(node: string, option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw optionError(node, option, `a whole number from ${String(min)} to ${String(max)}`, value);
}

/** An option that is `true` or `false`. */
export function boolean(node: string, option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw optionError(node, option, 'true or false', value);
}

/** An option that is a string of at least one character. */
export function nonEmptyString(node: string, option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw optionError(node, option, 'a string of at least one character', value);
}

/** An option that is one of the given words. */
export function oneOf<Word extends string>(
  node: string,
  option: string,
  words: readonly Word[],
  value: unknown,
): Word {
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw optionError(node, option, `one of ${words.map((candidate) => `"${candidate}"`).join(', ')}`, value);
}
