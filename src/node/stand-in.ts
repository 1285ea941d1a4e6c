import type { AnyNode } from './node.js';

/** What a plan says of a node that stands for others, which work in hosts of their own. */
export interface StandIn {
  readonly type: string;
  readonly why: string;
}

/** There where a node stands for others. */
export function standInOf(node: AnyNode): StandIn | undefined {
  return (node as { readonly '~standIn'?: StandIn })['~standIn'];
}
