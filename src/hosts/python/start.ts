import type { PythonHost, PythonHostOptions, PythonLaunch } from './python-host.js';

/**
 * Starts a Python process that holds live objects. Keep it: it never keeps the program alive, and ends with it.
 *
 * @example
 * ```ts
 * const python = await startPythonHost();
 * const sentiment = await python.create({ module: 'my_nodes', class: 'Sentiment' });
 * await new Pipeline<string>().pipe(sentiment).run(['good', 'bad']);
 * ```
 * @throws RemoteMediaError `RM_PYTHON_NOT_FOUND` where no suitable interpreter is there, `RM_HOST_START` where it does not start
 */
export async function startPythonHost(options: PythonHostOptions = {}): Promise<PythonHost> {
  const { PythonHost } = await import('./python-host.js');
  return PythonHost.start(options);
}

/** Starts a Python process with an interpreter that is known, for objects that come from elsewhere. */
export async function launchPythonHost(
  options: Pick<PythonHostOptions, 'name' | 'onOutput' | 'logger'>,
  launch: PythonLaunch,
): Promise<PythonHost> {
  const { PythonHost } = await import('./python-host.js');
  return PythonHost.launch(options, launch);
}
