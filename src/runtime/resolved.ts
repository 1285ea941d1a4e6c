import type { Host } from '../hosts/index.js';
import type { AnyNode } from '../node/index.js';
import type { Edge, PlannedNode } from '../plan/index.js';

/** A node of a pipeline that is about to run: the live object and its place. */
export interface ResolvedNode extends PlannedNode {
  readonly node: AnyNode;
  readonly placement: Host;
}

/** A pipeline whose nodes are all live. */
export interface ResolvedPipeline {
  readonly name: string;
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly Edge[];
  /** Releases what was made for this run alone. */
  release(): Promise<void>;
}
