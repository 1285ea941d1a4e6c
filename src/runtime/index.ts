export type { PipelineDefinition, PipelineEntry } from './definition.js';
export { executePipeline, executePipelineWithInput, type PipelineSource } from './execute.js';
export { loadPipeline } from './load-pipeline.js';
export type { LoadOptions } from './load.js';
export { findTsx, importModule, isModuleFile, stripsTypes } from './module-loader.js';
export { Pipeline, type AddOptions, type PipelineOptions } from './pipeline.js';
export type { PipelineResult, RunOptions } from './run.js';
export type { RunMetrics } from './session.js';
export { PipelineStream } from './stream.js';
