import { describeCause, RemoteMediaError } from '../../errors/index.js';

/** What whoever writes to a session is told, or changes it, once that is over. */
export function sessionEnded(pipeline: string, failure: unknown): RemoteMediaError {
  const why =
    failure === undefined
      ? 'end() was called, or all is done'
      : `it ended: ${describeCause(failure).replace(/\.$/, '')}`;
  return new RemoteMediaError(
    'RM_SESSION_ENDED',
    `The session of pipeline "${pipeline}" takes no more items: ${why}. Open another one.`,
    { cause: failure },
  );
}
