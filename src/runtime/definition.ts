import { InvalidArgumentError } from '../errors/index.js';
import type { ManifestConnection, ManifestNode } from '../manifest/index.js';
import { describeType, nodeProblem, PerSession, roleOf, type AnyNode } from '../node/index.js';
import { hostOf } from '../hosts/index.js';
import { chainEdges } from '../plan/index.js';
import type { Departed } from './resolve/departure.js';

/** What a list may hold: live nodes and manifest node entries, in any order. */
export type PipelineEntry =
  | AnyNode
  | ManifestNode
  | PerSession
  | {
      /** As in a manifest; the entry's other fields are checked when the pipeline runs. */
      readonly node_type: string;
    };

/** What copies of a node are made from. */
export interface ReplicaOrigin {
  /** The live object, serialized once for all; without it the entry makes each. */
  readonly departed: Departed | undefined;
}

/** A pipeline before its nodes are looked up or made. */
export interface PipelineDefinition {
  /** Name of the pipeline, in plans, logs and errors. */
  readonly name: string;
  /** In the order of the pipeline; a live node is the `instance` of its entry. */
  readonly entries: readonly ManifestNode[];
  /** One per entry. */
  readonly ids: readonly string[];
  /** Empty for a chain in list order. */
  readonly connections: readonly ManifestConnection[];
  /** Folder against which relative node types are resolved. */
  readonly baseDir: string;
  /** @internal There where its only node is one of several copies of a node. */
  readonly replica?: ReplicaOrigin;
}

/** The connections, also those of a chain, which are not written down. */
export function edgesOf({ connections, ids }: PipelineDefinition): readonly ManifestConnection[] {
  return connections.length > 0 ? connections : chainEdges(ids);
}

/**
 * Reads a list of live nodes and manifest entries.
 *
 * @throws InvalidArgumentError `RM_EMPTY_PIPELINE`, or `RM_INVALID_NODE` (a `TypeError`) that names each wrong position and its type
 */
export function definitionOf(
  list: readonly unknown[],
  baseDir: string,
  name = 'pipeline',
): PipelineDefinition {
  const problems: string[] = [];
  const entries = list.map((item, index): ManifestNode => {
    const entry = madeEntry(item);
    const problem = 'instance' in entry ? nodeProblem(entry.instance) : undefined;
    if (problem !== undefined) problems.push(`item ${String(index)} is ${problem}`);
    return entry;
  });
  if (problems.length > 0) {
    throw new InvalidArgumentError(
      'RM_INVALID_NODE',
      `Every item of a pipeline must be a node instance or a manifest entry {"node_type": …}, but ${problems.join(', ')}.`,
    );
  }
  return { name, entries, ids: entries.map(idOf), connections: [], baseDir };
}

/**
 * As {@link definitionOf}; its manifest entries are checked as well.
 *
 * @throws ManifestError `RM_INVALID_MANIFEST` with the place of what is wrong in an entry, such as `[1].params`
 */
export async function listDefinition(list: readonly unknown[], baseDir: string): Promise<PipelineDefinition> {
  const definition = definitionOf(list, baseDir);
  if (!definition.entries.some((entry) => 'node_type' in entry)) return definition;
  const { validateNodeEntry } = await import('../manifest/index.js');
  const entries = definition.entries.map((entry, index) =>
    'node_type' in entry ? validateNodeEntry(entry, `[${String(index)}]`) : entry,
  );
  return definitionOf(entries, baseDir);
}

/** @throws InvalidArgumentError where nothing is there to run, or a node is somewhere it cannot be. */
export function checkDefinition({ name, entries }: PipelineDefinition): void {
  if (entries.length === 0) {
    throw new InvalidArgumentError(
      'RM_EMPTY_PIPELINE',
      `Pipeline "${name}" is empty. Give it at least one node.`,
    );
  }
  const seen = new Map<AnyNode, number>();
  for (const [index, entry] of entries.entries()) {
    if (!('instance' in entry)) continue;
    const first = seen.get(entry.instance);
    seen.set(entry.instance, index);
    if (first === undefined || roleOf(entry.instance) === 'process') continue;
    throw new InvalidArgumentError(
      'RM_INVALID_NODE',
      `Items ${String(first)} and ${String(index)} are the same ${roleOf(entry.instance)} node, which can only be at one place. Make a second instance.`,
    );
  }
}

/** The entry of something in a list; a node that each session has for itself is made for it. */
function madeEntry(item: unknown): ManifestNode {
  if (item instanceof PerSession) return { instance: item.make() };
  if (isPlace(item)) return { id: item.id, instance: item.place.make() };
  return isEntry(item) ? item : { instance: item as AnyNode };
}

/** A node that each session has for itself, with an id. */
export interface Place {
  readonly id: string;
  readonly place: PerSession;
}

function isPlace(item: unknown): item is Place {
  return typeof item === 'object' && item !== null && 'place' in item && item.place instanceof PerSession;
}

function isEntry(item: unknown): item is ManifestNode {
  if (typeof item !== 'object' || item === null || nodeProblem(item) === undefined) return false;
  return 'node_type' in item || 'instance' in item;
}

function idOf(entry: ManifestNode, index: number): string {
  if (entry.id !== undefined) return entry.id;
  return `${'instance' in entry ? nameOf(entry.instance) : typeName(entry)}_${String(index)}`;
}

/** The name that a node was given, else that of its class. */
export function nameOf(node: AnyNode): string {
  if (typeof node.name === 'string' && node.name !== '') return node.name;
  return hostOf(node) === undefined ? describeType(node) : 'python';
}

/** `python:my.nodes.Sentiment` and `./nodes.js#Upper` are named after their class. */
function typeName(entry: { readonly node_type: unknown }): string {
  // Ids are made before entries are checked.
  return typeof entry.node_type === 'string' ? (entry.node_type.split(/[:.#/\\]/).at(-1) ?? '') : 'node';
}
