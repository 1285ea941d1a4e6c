import type { AnyNode } from './node.js';

/** What a node does with its input. */
export type NodeRole = 'process' | 'stream' | 'source';

/** A node may declare its role where its methods do not tell: an object in another host, for example. */
export interface RoleBearer {
  readonly '~role'?: NodeRole | undefined;
}

/** The role of an object that is a node. */
export function roleOf(node: AnyNode): NodeRole {
  const declared = (node as RoleBearer)['~role'];
  if (declared !== undefined) return declared;
  if (typeof node.source === 'function') return 'source';
  return typeof node.stream === 'function' ? 'stream' : 'process';
}
