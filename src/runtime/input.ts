import { InvalidArgumentError } from '../errors/index.js';
import { describeType, isAsyncIterable, isIterableObject, type Items } from '../node/index.js';

/** Item that a first node gets in a run without input; existing pipelines rely on it. */
const EMPTY_TEXT = '';

/** What a run is fed with. */
export interface RunInput {
  /** Whether the caller gave an input. */
  readonly isGiven: boolean;
  readonly items: Items<unknown>;
}

/** The input of a run without input: one empty text for first nodes that are no sources. */
export const NO_INPUT: RunInput = { isGiven: false, items: [EMPTY_TEXT] };

/** The input of `Pipeline.run`: an array, an iterator or an async iterable is many items, anything else is one. */
export function anyInput(input: unknown): RunInput {
  if (input === undefined) return NO_INPUT;
  const isMany = Array.isArray(input) || isAsyncIterable(input) || isIterator(input);
  return { isGiven: true, items: isMany ? (input as Items<unknown>) : [input] };
}

/**
 * The input of `executePipelineWithInput` and `stream`: any iterable or async iterable of items.
 *
 * @throws InvalidArgumentError `RM_INVALID_INPUT` (a `TypeError`) for a single value.
 */
export function manyInputs(input: unknown): RunInput {
  const isValue =
    input instanceof Map ||
    input instanceof WeakMap ||
    ArrayBuffer.isView(input) ||
    input instanceof ArrayBuffer ||
    !(isIterableObject(input) || isAsyncIterable(input));
  if (isValue) {
    throw new InvalidArgumentError(
      'RM_INVALID_INPUT',
      `The input must be a list, an iterable or an async iterable of items, but it is one ${describeType(input)}. For one item give [value].`,
    );
  }
  return { isGiven: true, items: input };
}

function isIterator(value: unknown): boolean {
  return isIterableObject(value) && typeof (value as { next?: unknown }).next === 'function';
}
