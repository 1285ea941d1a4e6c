import { GraphError, InvalidArgumentError } from '../../errors/index.js';
import type { ManifestConnection, ManifestNode } from '../../manifest/index.js';
import { edgesOf, type PipelineDefinition } from '../definition.js';

/** Where a node is inserted: next to one that is there, given by its id. */
export type InsertPlace = (
  | {
      /** Id of the node that comes behind the new one. */
      readonly before: string;
    }
  | {
      /** Id of the node that comes before the new one. */
      readonly after: string;
    }
) & {
  /** Id of the new node. @defaultValue `{name}_{number}`, with a number that none has had */
  readonly id?: string | undefined;
};

/** A node with its id. */
export interface NewNode {
  readonly id: string;
  readonly entry: ManifestNode;
}

/**
 * The pipeline with one node more: before a node it takes all that this one took, after a node it is given all that this one gives. The queue
 * of a connection stays in front of the node that it leads to; only where several lead there they go with their connections, which come
 * together at the new one now.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where there is no such node, or the id is taken
 */
export function withInserted(
  definition: PipelineDefinition,
  { id, entry }: NewNode,
  place: InsertPlace,
): PipelineDefinition {
  const isBefore = 'before' in place;
  const anchor = isBefore ? place.before : place.after;
  const index = indexOf(definition, anchor);
  if (definition.ids.includes(id))
    throw invalid(
      `The pipeline "${definition.name}" has a node "${id}" already. Give the new one another id.`,
    );
  const end = isBefore ? 'to' : 'from';
  const edges = edgesOf(definition);
  const taken = edges.filter(({ to }) => to === anchor);
  const only = isBefore && taken.length === 1 ? taken[0] : undefined;
  const moved = edges.map((edge): ManifestConnection => {
    if (edge === only) return { from: edge.from, to: id };
    return edge[end] === anchor ? { ...edge, [end]: id } : edge;
  });
  const link = isBefore ? { ...only, from: id, to: anchor } : { from: anchor, to: id };
  const position = isBefore ? index : index + 1;
  return {
    ...definition,
    entries: definition.entries.toSpliced(position, 0, entry),
    ids: definition.ids.toSpliced(position, 0, id),
    connections: [...moved, link],
  };
}

/**
 * The pipeline without a node: what was before it gives to what was behind it, whose connections keep their queues.
 *
 * @throws InvalidArgumentError where there is no such node, or no other
 * @throws GraphError where a node beside it would take the input, or give the outputs, in its stead and cannot
 */
export function withRemoved(definition: PipelineDefinition, id: string): PipelineDefinition {
  const index = indexOf(definition, id);
  if (definition.ids.length === 1) {
    throw new InvalidArgumentError(
      'RM_EMPTY_PIPELINE',
      `Node "${id}" is the only one of pipeline "${definition.name}". End the session, or replace the node.`,
    );
  }
  const edges = edgesOf(definition);
  const others = edges.filter(({ from, to }) => from !== id && to !== id);
  const before = edges.filter(({ to }) => to === id).map(({ from }) => from);
  const behind = edges.filter(({ from }) => from === id);
  const takers = behind.map(({ to }) => to);
  if (before.length === 0) checkFreed(id, takers, others, 'to');
  if (behind.length === 0) checkFreed(id, before, others, 'from');
  const isThere = (bridge: ManifestConnection): boolean =>
    others.some(({ from, to }) => from === bridge.from && to === bridge.to);
  // In the place of what they replace: a node may get its inputs in the order of its connections.
  const connections = edges.flatMap((edge) => {
    if (edge.to === id) return [];
    if (edge.from !== id) return [edge];
    return before.map((from) => ({ ...edge, from })).filter((bridge) => !isThere(bridge));
  });
  const ids = definition.ids.toSpliced(index, 1);
  if (connections.length === 0 && ids.length > 1) {
    throw new GraphError(
      `Node "${id}" cannot be removed: nothing would connect ${ids.map((left) => `"${left}"`).join(' and ')}. Replace it by a node that passes items on.`,
    );
  }
  return { ...definition, entries: definition.entries.toSpliced(index, 1), ids, connections };
}

/**
 * The pipeline with another node at the place of one, which keeps its id.
 *
 * @throws InvalidArgumentError where there is no such node
 */
export function withReplaced(definition: PipelineDefinition, { id, entry }: NewNode): PipelineDefinition {
  const index = indexOf(definition, id);
  return {
    ...definition,
    entries: definition.entries.with(index, entry),
    connections: edgesOf(definition),
  };
}

/** What is next to a node at an end of the pipeline comes to that end, unless other connections hold it elsewhere. */
function checkFreed(
  id: string,
  neighbours: readonly string[],
  others: readonly ManifestConnection[],
  end: 'from' | 'to',
): void {
  const held = neighbours.find((neighbour) => others.some((edge) => edge[end] === neighbour));
  if (held === undefined) return;
  const [what, why] =
    end === 'to'
      ? ['the input of the pipeline', 'takes what other nodes give']
      : ['the output of the pipeline', 'gives to other nodes'];
  throw new GraphError(
    `Node "${id}" cannot be removed: without it ${what} would be lost at "${held}", which ${why} as well. Replace it by a node that passes items on.`,
  );
}

function indexOf({ ids, name }: PipelineDefinition, id: string): number {
  const index = ids.indexOf(id);
  if (index >= 0) return index;
  throw invalid(
    `The pipeline "${name}" has no node "${id}". Its nodes are ${ids.map((known) => `"${known}"`).join(', ')}.`,
  );
}

function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError('RM_INVALID_ARGUMENT', message);
}
