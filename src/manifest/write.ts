import { writeSettings, type NodeSettings } from '../node/index.js';
import type { Manifest, ManifestConnection, ManifestTypeNode } from './manifest.js';
import { manifestError, quote, type KeyPath, type Problem } from './problems.js';

/** What a pipeline says of itself to be written as a manifest. */
export interface PipelineDescription {
  /** Becomes `metadata.name`. */
  readonly name: string;
  /** Becomes `metadata.description`. @defaultValue left out */
  readonly description?: string | undefined;
  /** In the order of the pipeline. */
  readonly nodes: readonly NodeDescription[];
  /** Edges by node id; empty for a chain in the order of the nodes. */
  readonly connections: readonly ManifestConnection[];
}

/** What a node says of itself to be written as a manifest entry. */
export interface NodeDescription extends NodeSettings {
  /** Unique in the pipeline; connections name it. */
  readonly id: string;
  /** What `node_type` becomes. */
  readonly type: string;
  /** What the node's constructor takes, of values that JSON can hold. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Whether the node takes its whole input as one stream. @defaultValue false */
  readonly isStreaming?: boolean | undefined;
  /** Where the node runs. @defaultValue left out: where the reader of the manifest runs it */
  readonly executor?: string | undefined;
}

/**
 * The manifest of a pipeline, ready for `JSON.stringify`.
 *
 * @throws ManifestError `RM_INVALID_MANIFEST` where a parameter is something that JSON cannot hold.
 */
export function pipelineToManifest({ name, description, nodes, connections }: PipelineDescription): Manifest {
  const problems = nodes.flatMap(({ params }, index) => liveValues(params, ['nodes', index, 'params']));
  if (problems.length > 0) throw manifestError('manifest', problems);
  return {
    version: 'v1',
    metadata: {
      name,
      ...(description === undefined ? {} : { description }),
      created_at: new Date().toISOString(),
    },
    nodes: nodes.map(toEntry),
    connections: connections.map(({ from, to, queue }) => ({
      from,
      to,
      ...(queue === undefined ? {} : { queue }),
    })),
  };
}

function toEntry({
  id,
  type,
  params,
  isStreaming,
  executor,
  ...settings
}: NodeDescription): ManifestTypeNode & { readonly id: string } {
  return {
    id,
    node_type: type,
    params,
    ...(isStreaming === true ? { is_streaming: true } : {}),
    ...(executor === undefined ? {} : { executor }),
    ...(writeSettings(settings) as Pick<
      ManifestTypeNode,
      'concurrency' | 'unordered' | 'failure_policy' | 'input_queue' | 'replicas' | 'fan_in' | 'restart'
    >),
  };
}

/** What JSON would drop, change or fail on. */
function liveValues(value: unknown, path: KeyPath, ancestors: readonly unknown[] = []): Problem[] {
  if (value === undefined || value === null || typeof value === 'string' || typeof value === 'boolean')
    return [];
  if (typeof value === 'number' && Number.isFinite(value)) return [];
  if (ancestors.includes(value))
    return [{ path, text: 'refers to what it lies in, which no manifest can hold' }];
  const within = [...ancestors, value];
  if (Array.isArray(value))
    return value.flatMap((element, index) => liveValues(element, [...path, index], within));
  if (isPlainObject(value))
    return Object.entries(value).flatMap(([key, inner]) => liveValues(inner, [...path, key], within));
  return [
    { path, text: `is ${quote(value)}, which no manifest can hold; run the pipeline as it is instead` },
  ];
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
