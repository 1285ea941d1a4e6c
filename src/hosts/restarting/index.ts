import type { Incarnation, RestartingHost, RestartingRequest } from './restarting-host.js';

export type { Incarnation, RestartingHost, RestartingRequest } from './restarting-host.js';

/** A place for a node in a host that is started again when it dies. */
export async function makeRestartingHost(
  request: RestartingRequest,
  first: Incarnation,
): Promise<RestartingHost> {
  const { RestartingHost } = await import('./restarting-host.js');
  return new RestartingHost(request, first);
}
