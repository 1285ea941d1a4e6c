import type { TypeScriptHost, TypeScriptHostOptions } from './typescript-host.js';

/**
 * Starts a thread or a process that runs TypeScript nodes. It never keeps the program alive, and ends with it.
 *
 * @throws RemoteMediaError `RM_HOST_START` where it does not start
 */
export async function startTypeScriptHost(options: TypeScriptHostOptions): Promise<TypeScriptHost> {
  const { TypeScriptHost } = await import('./typescript-host.js');
  return TypeScriptHost.start(options);
}
