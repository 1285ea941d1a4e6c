import type { Return } from '../hosts/index.js';
import type { Edge } from '../plan/index.js';
import type { ResolvedNode, ResolvedPipeline } from './resolved.js';

/** Nodes of a session that were looked up or made at once, with their hosts; there until no run of the session uses one of them. */
export class Part {
  readonly #resolved: ResolvedPipeline;
  readonly #users = new Set<object>();
  #how: Return = 'clean';

  constructor(resolved: ResolvedPipeline) {
    this.#resolved = resolved;
  }

  get nodes(): readonly ResolvedNode[] {
    return this.#resolved.nodes;
  }

  /** A run is going to use it. */
  use(user: object): void {
    this.#users.add(user);
  }

  /** Brings states home, where no other run uses it. */
  async bringHome(user: object): Promise<void> {
    if (this.#users.size === 1 && this.#users.has(user)) await this.#resolved.bringHome?.();
  }

  /** No run will use it. */
  async drop(): Promise<void> {
    if (this.#users.size === 0) await this.#resolved.release('failed');
  }

  /** A run no longer uses it; the last one releases it. May be called again. */
  async leave(user: object, how: Return): Promise<void> {
    if (!this.#users.delete(user)) return;
    this.#how = worseOf(this.#how, how);
    if (this.#users.size === 0) await this.#resolved.release(this.#how);
  }
}

/** A node, and the part that it belongs to. */
export interface PartNode {
  readonly node: ResolvedNode;
  readonly part: Part;
}

/** The pipeline of one run of a session. */
export function pipelineOf(
  name: string,
  nodes: readonly PartNode[],
  edges: readonly Edge[],
): ResolvedPipeline {
  const user = {};
  const parts = new Set(nodes.map(({ part }) => part));
  for (const part of parts) part.use(user);
  return {
    name,
    nodes: nodes.map(({ node }) => node),
    edges,
    bringHome: async () => {
      for (const part of parts) await part.bringHome(user);
    },
    release: async (how = 'failed') => {
      for (const part of parts) await part.leave(user, how);
    },
  };
}

const ORDER: readonly Return[] = ['clean', 'failed', 'stuck'];

function worseOf(one: Return, other: Return): Return {
  return ORDER.indexOf(one) > ORDER.indexOf(other) ? one : other;
}
