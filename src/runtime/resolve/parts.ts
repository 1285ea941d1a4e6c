import type { Return } from '../../hosts/index.js';
import type { QueuedEdge, ResolvedNode, ResolvedPipeline } from './resolved.js';

/** Nodes of a session that were looked up or made at once, with their hosts; there until no run of the session uses one of them. */
export class Part {
  readonly #resolved: ResolvedPipeline;
  /** How many runs use it. */
  #users = 0;
  #how: Return = 'clean';

  constructor(resolved: ResolvedPipeline) {
    this.#resolved = resolved;
  }

  get nodes(): readonly ResolvedNode[] {
    return this.#resolved.nodes;
  }

  /** A run is going to use it. */
  use(): void {
    this.#users++;
  }

  /** Brings states home, where no other run uses it than the one that asks. */
  async bringHome(): Promise<void> {
    if (this.#users === 1) await this.#resolved.bringHome?.();
  }

  /** No run will use it. */
  async drop(): Promise<void> {
    if (this.#users === 0) await this.#resolved.release('failed');
  }

  /** A run no longer uses it; the last one releases it. */
  async leave(how: Return): Promise<void> {
    this.#users--;
    this.#how = worseOf(this.#how, how);
    if (this.#users === 0) await this.#resolved.release(this.#how);
  }
}

/** A node, and the part that it belongs to. */
export interface PartNode {
  readonly node: ResolvedNode;
  readonly part: Part;
}

/** The pipeline of one run of a session. */
export class PipelineOfParts implements ResolvedPipeline {
  readonly name: string;
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly QueuedEdge[];
  readonly #parts: readonly Part[];
  #isReleased = false;

  constructor(name: string, nodes: readonly PartNode[], edges: readonly QueuedEdge[]) {
    this.name = name;
    this.nodes = nodes.map(({ node }) => node);
    this.edges = edges;
    this.#parts = [...new Set(nodes.map(({ part }) => part))];
    for (const part of this.#parts) part.use();
  }

  async bringHome(): Promise<void> {
    if (this.#isReleased) return;
    for (const part of this.#parts) await part.bringHome();
  }

  async release(how: Return = 'failed'): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const part of this.#parts) await part.leave(how);
  }
}

const ORDER: readonly Return[] = ['clean', 'failed', 'stuck'];

function worseOf(one: Return, other: Return): Return {
  return ORDER.indexOf(one) > ORDER.indexOf(other) ? one : other;
}
