import { describeCause, HostDiedError, NodeError, RemoteMediaError } from '../../errors/index.js';

/**
 * Of several failures of a run the one that its caller sees: that a host died, which explains the others, or that hosts do not understand
 * each other; else what came of the lowest item; failures without an item after those, in `cleanup` last.
 */
export function firstFailure(failures: readonly unknown[]): Error | undefined {
  const [first] = [...failures].sort((a, b) => rank(a) - rank(b));
  if (first === undefined || first instanceof Error) return first;
  return new Error(describeCause(first), { cause: first });
}

function rank(failure: unknown): number {
  if (failure instanceof HostDiedError || isClosed(failure)) return -2;
  if (failure instanceof NodeError) {
    if (failure.itemIndex !== undefined) return failure.itemIndex;
    return failure.phase === 'cleanup' ? Infinity : Number.MAX_SAFE_INTEGER;
  }
  // An input that fails does so after the items that it has given.
  const isOfInput = !(failure instanceof RemoteMediaError) || failure.code === 'RM_INVALID_INPUT';
  return isOfInput ? Number.MAX_SAFE_INTEGER : -1;
}

/** The host was closed under the run: that explains the others, too. */
function isClosed(failure: unknown): boolean {
  return failure instanceof RemoteMediaError && failure.code === 'RM_CLOSED';
}
