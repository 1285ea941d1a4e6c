export { manifestProblemWithString } from './detect.js';
export {
  isInstanceNode,
  type Manifest,
  type ManifestConnection,
  type ManifestInstanceNode,
  type ManifestMetadata,
  type ManifestNode,
  type ManifestSettings,
  type ManifestTypeNode,
} from './manifest.js';
export { checkParams } from './parameters.js';
export { parseManifest } from './parse.js';
export { didYouMean, didYouMeanType, formatPath } from './problems.js';
export { manifestJsonSchema } from './schema.js';
export { validateManifest, validateNodeEntry } from './validate.js';
export { pipelineToManifest, type NodeDescription, type PipelineDescription } from './write.js';
