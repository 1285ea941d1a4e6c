import { describeCause } from '../errors/index.js';
import { isThenable } from '../node/index.js';
import type { RunState } from './run-state.js';

/** Closes what a node gave, without waiting for it; what fails in doing so is logged. */
export function closeIterator(iterator: Iterator<unknown> | AsyncIterator<unknown>, run: RunState): void {
  const log = (error: unknown): void => {
    run.logger.warn(`closing a generator failed: ${describeCause(error)}`);
  };
  try {
    const closing: unknown = iterator.return?.();
    if (isThenable(closing)) closing.then(undefined, log);
  } catch (error) {
    log(error);
  }
}
