import { RemoteMediaError } from '../errors/index.js';
import type { ManifestNode } from '../manifest/index.js';
import type { LoadOptions } from './load.js';
import { Pipeline } from './pipeline.js';

/**
 * Loads a pipeline from a file: a manifest (`.json`, `.yaml`, `.yml`) or a module (`.js`, `.mjs`, `.cjs`, `.ts`, `.mts`, `.cts`) whose
 * default export, or export named `pipeline`, is a pipeline or a function that gives one. A module's code runs.
 *
 * @example
 * ```ts
 * const pipeline = await loadPipeline('pipeline.yaml');
 * ```
 * @throws ManifestError `RM_INVALID_MANIFEST` where a manifest cannot be read or breaks its schema.
 * @throws RemoteMediaError `RM_MODULE` where there is no such file, or no pipeline in it; `RM_TSX_NOT_FOUND` where a TypeScript file
 * meets a project without `tsx`.
 */
export async function loadPipeline(file: string | URL, options: LoadOptions = {}): Promise<Pipeline> {
  const { loadPipelineFile } = await import('./load.js');
  const loaded = await loadPipelineFile(file, options);
  const { baseDir } = loaded;
  if ('manifest' in loaded) return Pipeline.fromManifest(loaded.manifest, { baseDir });
  const { pipeline } = loaded;
  if (isPipeline(pipeline)) return pipeline;
  const { validateManifest, validateNodeEntry } = await import('../manifest/index.js');
  if (Array.isArray(pipeline)) {
    const entries = pipeline.map((entry: unknown, index) =>
      isTypeEntry(entry) ? validateNodeEntry(entry, `[${String(index)}]`) : (entry as ManifestNode),
    );
    return new Pipeline(entries, { baseDir });
  }
  if (typeof pipeline === 'object' && pipeline !== null && 'nodes' in pipeline) {
    return Pipeline.fromManifest(validateManifest(pipeline), { baseDir });
  }
  throw new RemoteMediaError(
    'RM_INVALID_PIPELINE',
    `${String(file)} exports no pipeline: a Pipeline, a list of nodes or a manifest object was expected.`,
  );
}

/** A pipeline that a TypeScript module exports may come from another copy of this package: it is judged by what it can do. */
function isPipeline(value: unknown): value is Pipeline {
  const { stream, plan } = value as Partial<Pipeline>;
  return typeof stream === 'function' && typeof plan === 'function';
}

function isTypeEntry(entry: unknown): boolean {
  return typeof entry === 'object' && entry !== null && 'node_type' in entry && !('process' in entry);
}
