import { planToMermaid, planToText } from '../plan/index.js';
import { loadPipeline } from '../runtime/index.js';
import { print } from './stdout.js';

/** `remotemedia plan`: which segment runs where, and why. */
export async function plan(
  file: string,
  options: { readonly json?: boolean; readonly mermaid?: boolean },
): Promise<void> {
  const pipeline = await loadPipeline(file);
  const planned = await pipeline.plan();
  if (options.json === true) await print(`${JSON.stringify(planned, null, 2)}\n`);
  else await print(options.mermaid === true ? planToMermaid(planned) : planToText(planned));
}
