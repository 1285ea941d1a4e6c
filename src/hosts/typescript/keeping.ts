import type { Return } from './pool.js';
import type { TypeScriptHost, TypeScriptHostOptions } from './typescript-host.js';

/**
 * A thread or process for one run: one that is kept, or a new one. It never keeps the program alive, and ends with it.
 *
 * @throws RemoteMediaError `RM_HOST_START` where it does not start
 */
export async function takeHost(options: TypeScriptHostOptions): Promise<TypeScriptHost> {
  const pool = await import('./pool.js');
  return pool.takeHost(options);
}

/** Gives it back. One that has failed, or in which code still runs, is ended. */
export async function returnHost(host: TypeScriptHost, how: Return): Promise<void> {
  const pool = await import('./pool.js');
  await pool.returnHost(host, how);
}
