import type { NodeLike, PerSession } from '../node/index.js';
import type { Pipeline } from '../runtime/index.js';
import { readRecording } from './recording.js';
import { runScript, type ScriptOptions, type ScriptResult } from './run-script.js';
import type { ScriptStep } from './script.js';

/**
 * Does to a node or a pipeline what was done to a session that {@link record}, in either language, has written to a file: the same items,
 * interruptions and end at the same times. By the virtual clock, which is the default, an hour takes no longer than the work itself.
 *
 * @param path - path of the file
 * @param what - a node, or a pipeline
 * @throws as {@link runScript} and {@link readRecording}, which also gives the outputs of the recorded session, to compare with
 * @example
 * ```ts
 * const { values } = await replay('call.rec', pipeline);
 * ```
 */
export async function replay<In, Out>(
  path: string,
  what: Pipeline<In, Out> | NodeLike<In, Out> | PerSession<In, Out>,
  options: ScriptOptions = {},
): Promise<ScriptResult<Out>> {
  const { script } = await readRecording(path);
  // The file holds what such a pipeline was given.
  return runScript(what, script as readonly ScriptStep<In>[], options);
}
