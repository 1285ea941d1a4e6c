import { RemoteMediaError } from '../errors/index.js';
import type { Plan } from '../plan/index.js';
import { loadPipeline, Pipeline, type RunMetrics, type RunOptions } from '../runtime/index.js';

/** What the commands need of a pipeline. One that a module exports may come from another copy of this package. */
export interface RunnablePipeline {
  readonly name: string;
  stream(
    input?: AsyncIterable<unknown>,
    options?: RunOptions,
  ): AsyncIterableIterator<unknown> & { metrics(): RunMetrics };
  plan(): Promise<Plan>;
}

/** Loads what the FILE argument names. */
export async function openPipeline(file: string): Promise<RunnablePipeline> {
  const loaded = await loadPipeline(file);
  const { baseDir } = loaded;
  if ('manifest' in loaded) return Pipeline.fromManifest(loaded.manifest, { baseDir });
  const { pipeline } = loaded;
  if (isRunnable(pipeline)) return pipeline;
  const { validateManifest, validateNodeEntry } = await import('../manifest/index.js');
  if (Array.isArray(pipeline)) {
    const entries = pipeline.map((entry: unknown, index) =>
      isTypeEntry(entry) ? validateNodeEntry(entry, `[${index}]`) : (entry as never),
    );
    return new Pipeline(entries, { baseDir });
  }
  if ('nodes' in (pipeline as object)) return Pipeline.fromManifest(validateManifest(pipeline), { baseDir });
  throw new RemoteMediaError(
    'RM_INVALID_PIPELINE',
    `${file} exports no pipeline: a Pipeline, a list of nodes or a manifest object was expected.`,
  );
}

function isRunnable(value: unknown): value is RunnablePipeline {
  const { stream, plan } = value as Partial<RunnablePipeline>;
  return typeof stream === 'function' && typeof plan === 'function';
}

function isTypeEntry(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'node_type' in entry && !('process' in entry);
}
