/**
 * `remotemedia/manifest`: reading, checking and writing manifests. An entry of its own, because the schema library takes longer to load
 * than the whole rest.
 *
 * @module remotemedia/manifest
 */
export {
  manifestJsonSchema,
  parseManifest,
  pipelineToManifest,
  validateManifest,
  type Manifest,
  type ManifestConnection,
  type ManifestInstanceNode,
  type ManifestMetadata,
  type ManifestNode,
  type ManifestSettings,
  type ManifestTypeNode,
  type NodeDescription,
  type PipelineDescription,
} from '../manifest/index.js';
export type {
  WrittenFailurePolicy,
  WrittenFanIn,
  WrittenQueueLimits,
  WrittenRestart,
} from '../node/index.js';
