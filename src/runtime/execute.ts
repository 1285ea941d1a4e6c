import { InvalidArgumentError } from '../errors/index.js';
import type { Items } from '../node/index.js';
import { describeType, nodeProblem } from '../node/index.js';
import { listDefinition, type PipelineDefinition, type PipelineEntry } from './definition.js';
import { manyInputs, NO_INPUT } from './input.js';
import { Pipeline } from './pipeline.js';
import { runToEnd, type PipelineResult, type RunOptions } from './run.js';

/**
 * Everything that can be run: live nodes in a list (manifest node entries among them), a {@link Pipeline}, a manifest as an object, or as
 * JSON or YAML text. Which one it is, is detected.
 */
export type PipelineSource =
  readonly PipelineEntry[] | Pipeline<never, unknown> | Pipeline | string | Readonly<Record<string, unknown>>;

/**
 * Runs a pipeline without input: source nodes are drained, and any other first node gets one empty text.
 *
 * @returns the outputs; the bare output where there is exactly one, `undefined` where there is none
 * @throws NodeError `RM_NODE_FAILED` where a node fails; `options.signal.reason` where the run is cancelled
 */
export function executePipeline(
  source: PipelineSource,
  options: RunOptions & { readonly enableMetrics: true },
): Promise<PipelineResult>;
export function executePipeline(source: PipelineSource, options?: RunOptions): Promise<unknown>;
export async function executePipeline(source: PipelineSource, options: RunOptions = {}): Promise<unknown> {
  const { definition } = await detect(source);
  return runToEnd(definition, NO_INPUT, options, 'unwrapped');
}

/**
 * Runs a pipeline on many inputs.
 *
 * @param inputs - any iterable or async iterable of items
 * @returns the outputs as a list; for a manifest with exactly one output that output itself
 * @throws InvalidArgumentError `RM_INVALID_INPUT` (a `TypeError`) where `inputs` is a single value
 */
export function executePipelineWithInput(
  source: PipelineSource,
  inputs: Items<unknown>,
  options: RunOptions & { readonly enableMetrics: true },
): Promise<PipelineResult>;
export function executePipelineWithInput(
  source: PipelineSource,
  inputs: Items<unknown>,
  options?: RunOptions,
): Promise<unknown>;
export async function executePipelineWithInput(
  source: PipelineSource,
  inputs: Items<unknown>,
  options: RunOptions = {},
): Promise<unknown> {
  const input = manyInputs(inputs);
  const { definition, isManifest } = await detect(source);
  const result = await runToEnd(definition, input, options, 'list');
  if (!isManifest) return result;
  if (options.enableMetrics !== true) return bare(result as unknown[]);
  const { outputs, metrics } = result as PipelineResult;
  return { outputs: bare(outputs as unknown[]), metrics };
}

function bare(outputs: unknown[]): unknown {
  return outputs.length === 1 ? outputs[0] : outputs;
}

interface Detected {
  readonly definition: PipelineDefinition;
  readonly isManifest: boolean;
}

async function detect(source: unknown): Promise<Detected> {
  if (isPipeline(source)) return { definition: source.definition(), isManifest: false };
  if (Array.isArray(source))
    return { definition: await listDefinition(source, process.cwd()), isManifest: false };
  if (typeof source === 'string') return manifestDefinition(await parse(source));
  if (typeof source === 'object' && source !== null && nodeProblem(source) === undefined) {
    throw new InvalidArgumentError(
      'RM_INVALID_PIPELINE',
      `A pipeline is a list of nodes, but this is one ${describeType(source)}. Put it into a list: [node].`,
    );
  }
  if (typeof source === 'object' && source !== null && !(Symbol.iterator in source)) {
    const { validateManifest } = await import('../manifest/index.js');
    return manifestDefinition(validateManifest(source));
  }
  throw new InvalidArgumentError(
    'RM_INVALID_PIPELINE',
    `A pipeline is a list of nodes, a Pipeline, or a manifest (object, JSON or YAML), but this is a value of type ${describeType(source)}.`,
  );
}

/** A module that was loaded by tsx has a copy of this package, and a class `Pipeline`, of its own. */
function isPipeline(source: unknown): source is Pipeline {
  if (source instanceof Pipeline) return true;
  return (
    typeof source === 'object' &&
    source !== null &&
    describeType(source) === Pipeline.name &&
    typeof (source as Partial<Pipeline>).definition === 'function'
  );
}

function manifestDefinition(manifest: Parameters<typeof Pipeline.fromManifest>[0]): Detected {
  return { definition: Pipeline.fromManifest(manifest).definition(), isManifest: true };
}

async function parse(text: string): Promise<Parameters<typeof Pipeline.fromManifest>[0]> {
  const { manifestProblemWithString, parseManifest } = await import('../manifest/index.js');
  const problem = manifestProblemWithString(text);
  if (problem !== undefined) throw new InvalidArgumentError('RM_INVALID_PIPELINE', problem);
  return parseManifest(text);
}
