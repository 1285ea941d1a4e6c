import { describeType, nodeProblem } from '../node/index.js';
import { isInstanceNode, type Manifest, type ManifestConnection, type ManifestNode } from './manifest.js';
import { didYouMean, manifestError, parsePath, problemsOf, type KeyPath, type Problem } from './problems.js';
import { FIELDS, readFrame, readInstanceEntry, readTypeEntry } from './schema.js';

/**
 * Validates a manifest given as an object; its node entries may hold live objects as `{ id?, instance, executor? }`.
 *
 * @throws ManifestError `RM_INVALID_MANIFEST` with every problem and its path; `RM_EMPTY_PIPELINE` where there is no node.
 */
export function validateManifest(value: unknown): Manifest {
  const checked = checkManifest(value);
  if ('manifest' in checked) return checked.manifest;
  throw invalidManifest(checked.problems);
}

/**
 * Validates one node entry of a list that mixes entries and instances; its id may be missing.
 *
 * @param path - where the entry lies, such as `[2]`.
 * @throws ManifestError `RM_INVALID_MANIFEST` with every problem and its path.
 */
export function validateNodeEntry(value: unknown, path: string): ManifestNode {
  const checked = checkEntry(value, parsePath(path));
  if ('entry' in checked) return checked.entry;
  throw manifestError('node entry', checked.problems);
}

/** What a check found: a manifest, or what is wrong with it. */
export type CheckedManifest = { readonly manifest: Manifest } | { readonly problems: readonly Problem[] };

/** Checks a manifest without throwing. */
export function checkManifest(value: unknown): CheckedManifest {
  const outer = withoutExtensions(value);
  if (isRecord(outer) && Array.isArray(outer['connections'])) {
    outer['connections'] = outer['connections'].map(withoutExtensions);
  }
  const read = readFrame(outer);
  const problems = 'issues' in read ? problemsOf(read.issues, outer, [], frameFields) : [];
  const values: unknown[] = isRecord(outer) && Array.isArray(outer['nodes']) ? outer['nodes'] : [];
  const entries = values.map((entry, index) => checkEntry(entry, ['nodes', index]));
  problems.push(...entries.flatMap((entry) => ('problems' in entry ? entry.problems : [])));
  if ('issues' in read || problems.length > 0) return { problems };
  if (entries.length === 0) return { problems: [{ path: ['nodes'], text: EMPTY }] };

  const nodes = entries.flatMap((checked, index) =>
    'entry' in checked ? [withId(checked.entry, index)] : [],
  );
  const { metadata, connections } = read.value;
  const graphProblems = [...duplicateIds(nodes), ...unconnectable(nodes, connections)];
  if (graphProblems.length > 0) return { problems: graphProblems };
  return { manifest: { version: 'v1', metadata, nodes, connections } };
}

const EMPTY = 'is empty: a pipeline needs at least one node';

/** The error for what {@link checkManifest} found. */
export function invalidManifest(problems: readonly Problem[], sourceName?: string): Error {
  const what = sourceName === undefined ? 'manifest' : `manifest ${sourceName}`;
  return manifestError(what, problems, problems[0]?.text === EMPTY ? { code: 'RM_EMPTY_PIPELINE' } : {});
}

type CheckedEntry = { readonly entry: ManifestNode } | { readonly problems: Problem[] };

function checkEntry(given: unknown, path: KeyPath): CheckedEntry {
  const value = withoutExtensions(given);
  if (typeof given === 'object' && given !== null && nodeProblem(given) === undefined) {
    return {
      problems: [{ path, text: `is an instance (${describeType(given)}); write it as { id, instance }` }],
    };
  }
  const isInstance = isRecord(value) && 'instance' in value;
  const fields = isInstance ? FIELDS.instanceEntry : FIELDS.typeEntry;
  const read = isInstance ? readInstanceEntry(value) : readTypeEntry(value);
  if ('issues' in read) return { problems: problemsOf(read.issues, value, path, () => fields) };
  const problems = isInstanceNode(read.value)
    ? instanceProblems(read.value.instance, path)
    : paramsProblems(value, path);
  return problems.length > 0 ? { problems } : { entry: read.value };
}

function instanceProblems(instance: unknown, path: KeyPath): Problem[] {
  const problem = nodeProblem(instance);
  return problem === undefined ? [] : [{ path: [...path, 'instance'], text: `is no node: ${problem}` }];
}

function paramsProblems(entry: unknown, path: KeyPath): Problem[] {
  const isTwice = isRecord(entry) && isGiven(entry['params']) && isGiven(entry['config']);
  return isTwice
    ? [{ path: [...path, 'config'], text: 'is another name for params; give one of the two' }]
    : [];
}

function withId(entry: ManifestNode, index: number): ManifestNode & { readonly id: string } {
  const name = isInstanceNode(entry)
    ? (entry.instance.name ?? describeType(entry.instance))
    : className(entry.node_type);
  return { ...entry, id: entry.id ?? `${name}_${index}` };
}

/** The class that a node type names: `Sentiment` of `python:my_nodes.Sentiment`. */
function className(nodeType: string): string {
  if (nodeType.includes('#')) return nodeType.slice(nodeType.lastIndexOf('#') + 1);
  return nodeType.slice(Math.max(nodeType.lastIndexOf('.'), nodeType.lastIndexOf(':')) + 1) || nodeType;
}

function duplicateIds(nodes: Manifest['nodes']): Problem[] {
  const first = new Map<string, number>();
  return nodes.flatMap(({ id }, index): Problem[] => {
    const earlier = first.get(id);
    first.set(id, earlier ?? index);
    if (earlier === undefined) return [];
    return [{ path: ['nodes', index, 'id'], text: `"${id}" is the id of nodes[${earlier}] already` }];
  });
}

function unconnectable(nodes: Manifest['nodes'], connections: readonly ManifestConnection[]): Problem[] {
  const ids = nodes.map(({ id }) => id);
  return connections.flatMap((connection, index) => {
    const problems = (['from', 'to'] as const)
      .filter((end) => !ids.includes(connection[end]))
      .map((end) => ({
        path: ['connections', index, end],
        text: `names no node: there is no id "${connection[end]}"${didYouMean(connection[end], ids)}`,
      }));
    if (problems.length > 0 || connection.from !== connection.to) return problems;
    return [{ path: ['connections', index], text: `connects "${connection.from}" to itself` }];
  });
}

function frameFields(path: KeyPath): readonly string[] {
  return path[0] === 'connections' ? FIELDS.connection : FIELDS.manifest;
}

/** A copy without the keys that are somebody else's. */
function withoutExtensions(value: unknown): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith('x-')));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
