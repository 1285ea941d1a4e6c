import { InvalidArgumentError } from '../errors/index.js';
import { describeType } from './describe-type.js';

/** Says what is wrong with settings and options; see {@link checker}. */
export interface Check {
  /** Throws an error that says what was wanted, and what was given. */
  (name: string, isRight: boolean, wanted: string, value: unknown): void;
  /** Throws an error that names a field that is not there. */
  names(place: string, value: object, known: readonly string[]): void;
}

/**
 * What checks what users give.
 *
 * @param subject - what the errors begin with, such as `Node "a": `
 */
export function checker(subject: string): Check {
  const check = (name: string, isRight: boolean, wanted: string, value: unknown): void => {
    if (isRight) return;
    throw invalid(`${subject}${name} must be ${wanted}, got ${describe(value)}.`);
  };
  const names = (place: string, value: object, known: readonly string[]): void => {
    const unknown = Object.keys(value).find((name) => !known.includes(name));
    if (unknown !== undefined)
      throw invalid(`${subject}${place} has no "${unknown}"; there are ${known.join(', ')}.`);
  };
  return Object.assign(check, { names });
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  return typeof value === 'number' ? String(value) : describeType(value);
}

/** Whether something is a whole number from `least` on. */
export function isWhole(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least;
}

/** Whether something is a finite number from `least` on. */
export function isFrom(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= least;
}

/** An error about what a user gave. */
export function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError('RM_INVALID_ARGUMENT', message);
}
