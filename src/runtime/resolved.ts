import type { Host, Return } from '../hosts/index.js';
import type { AnyNode } from '../node/index.js';
import type { Edge, PlannedNode } from '../plan/index.js';

/** A node of a pipeline that is about to run: the live object and its place. */
export interface ResolvedNode extends PlannedNode {
  readonly node: AnyNode;
  readonly placement: Host;
  /** Whether it passes on items that only Python can read. @defaultValue false */
  readonly isSealed?: boolean;
}

/** A pipeline whose nodes are all live. */
export interface ResolvedPipeline {
  readonly name: string;
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly Edge[];
  /** Once all nodes have been cleaned up in good order: brings the states home that are to come. */
  bringHome?(): Promise<void> | undefined;
  /**
   * Releases what was made for this run alone; may be called again.
   *
   * @param how - how the run ended; where there was none, `failed`
   */
  release(how?: Return): Promise<void>;
}
