/** Whether a value is a promise, or anything else with a `then`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}

/**
 * Whether a value stands for many outputs: an object with `next` that is iterable (a generator, an iterator).
 * Arrays, strings, Maps and Sets are one output each.
 */
export function isManyOutputs(
  value: object,
): value is (Iterator<unknown> & Iterable<unknown>) | (AsyncIterator<unknown> & AsyncIterable<unknown>) {
  return (
    typeof (value as { next?: unknown }).next === 'function' &&
    (Symbol.iterator in value || Symbol.asyncIterator in value)
  );
}

/** Whether a value can be iterated asynchronously. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Whether a value is an object that can be iterated; a string is not. */
export function isIterableObject(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}
