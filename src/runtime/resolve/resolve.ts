import { languageOfType, makeNode } from '../../catalog/index.js';
import { hostOf, type Host, type Incarnation, type Return } from '../../hosts/index.js';
import type { Logger } from '../../logging/index.js';
import type { ManifestNode, ManifestTypeNode } from '../../manifest/index.js';
import {
  applySettings,
  describeType,
  isThenable,
  readSettings,
  roleOf,
  settingsOf,
  standInOf,
  type AnyNode,
} from '../../node/index.js';
import type { RunWatch } from '../../segment/index.js';
import type { Away } from './away.js';
import { withRelays } from './relays.js';
import { checkRestart, restartable } from './restarts.js';
import { checkDefinition, type PipelineDefinition } from '../definition.js';
import { findBerths, type Berth, type Berths } from './executors.js';
import { becomeReplica, withReplicas } from '../replicas/replicas.js';
import { queuedEdges, type ResolvedNode, type ResolvedPipeline } from './resolved.js';

/** What resolving is to know of a run. */
export interface ResolveOptions {
  readonly logger: Logger;
  /** Whether states come home where a node does not say it itself. */
  readonly returnState: boolean;
  /** How the run is watched: copies of a node are as well. @defaultValue it is not */
  readonly watch?: RunWatch | undefined;
}

/** A node, and the host where it lives. */
export interface Placed {
  readonly node: AnyNode;
  readonly placement: Host;
  /** Where its host holds nothing else, and may be started again: makes it in another one. */
  readonly remake?: (() => Promise<Incarnation>) | undefined;
}

/** What the nodes of one pipeline are made with. */
interface Making {
  readonly definition: PipelineDefinition;
  readonly driver: Host;
  readonly berths: Berths;
  /** The hosts of nodes that leave this program; not there for a plan. */
  readonly away: Away | undefined;
  readonly releases: (() => Promise<void>)[];
}

/**
 * Looks up or makes the nodes of a pipeline, and says where each of them runs. Live objects that leave this program are serialized before
 * anything is made or started.
 *
 * @param driver - where nodes run that ask for no other place
 * @param options - without them it is for a plan: live objects stay as they are, and no host of TypeScript nodes is started
 */
export async function resolvePipeline(
  given: PipelineDefinition,
  driver: Host,
  options?: ResolveOptions,
): Promise<ResolvedPipeline> {
  checkDefinition(given);
  const definition = await withReplicas(
    await withCheckedEntries(given),
    isTypeScript,
    resolvePipeline,
    options,
  );
  const berths = findBerths(definition, isTypeScript);
  const away = options === undefined ? undefined : await prepareAway(berths, definition, options);
  const making: Making = { definition, driver, berths, away, releases: [] };
  const release = async (how: Return = 'failed'): Promise<void> => {
    for (const undo of making.releases.splice(0).reverse()) await undo();
    await away?.release(how);
  };
  const { name, ids, connections } = definition;
  try {
    const resolving = definition.entries.map((entry, index) => resolveEntry(entry, index, making));
    const nodes = await inOrder(resolving);
    const edges = queuedEdges(connections, ids);
    return {
      name,
      ...withRelays({ nodes, edges }, driver, driver),
      release,
      bringHome: () => away?.bringHome(),
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Entries of a list come as the user wrote them, with "config" for "params" or without either. */
async function withCheckedEntries(definition: PipelineDefinition): Promise<PipelineDefinition> {
  if (definition.entries.every((entry) => 'instance' in entry)) return definition;
  const { validateNodeEntry } = await import('../../manifest/index.js');
  const entries = definition.entries.map((entry, index) =>
    'instance' in entry ? entry : validateNodeEntry(entry, pathOf(index)),
  );
  return { ...definition, entries };
}

async function prepareAway(
  { all }: Berths,
  definition: PipelineDefinition,
  options: ResolveOptions,
): Promise<Away | undefined> {
  if (all.length === 0) return undefined;
  const { Away } = await import('./away.js');
  return Away.prepare(all, definition, options);
}

/** All settle before one is told to have failed: the first in the order of the pipeline. */
async function inOrder<T>(resolving: readonly (T | Promise<T>)[]): Promise<T[]> {
  if (!resolving.some(isThenable)) return resolving as T[];
  await Promise.allSettled(resolving);
  return Promise.all(resolving);
}

function resolveEntry(
  entry: ManifestNode,
  index: number,
  making: Making,
): ResolvedNode | Promise<ResolvedNode> {
  const berth = making.berths.byIndex[index];
  const resolved = (placed: Placed): ResolvedNode | Promise<ResolvedNode> =>
    describe(entry, index, placed, making, berth);
  if (!('instance' in entry)) return makePlaced(entry, index, making, berth).then(resolved);
  const { instance } = entry;
  if (berth === undefined) return resolved({ node: instance, placement: hostOf(instance) ?? making.driver });
  // For a plan nothing leaves.
  if (making.away === undefined) return resolved({ node: instance, placement: absentHost(berth) });
  return making.away.traveller(berth, instance).then(resolved);
}

/** Makes the node that an entry names, in the host where it is to run. */
async function makePlaced(
  entry: ManifestTypeNode,
  index: number,
  { definition: { baseDir }, driver, away, releases }: Making,
  berth: Berth | undefined,
): Promise<Placed> {
  const path = pathOf(index);
  if (!isTypeScript(entry)) {
    const { isAlone, makePythonNode } = await import('./python-entries.js');
    const make = async (): Promise<Incarnation> => {
      const { node, release } = await makePythonNode(entry, path, baseDir);
      releases.push(release);
      return { node, host: hostOf(node) ?? driver };
    };
    const { node, host } = await make();
    return { node, placement: host, remake: isAlone(entry) ? make : undefined };
  }
  if (berth !== undefined && away !== undefined) return away.make(berth, entry, path);
  const node = await makeNode(entry, path, baseDir);
  return { node, placement: berth === undefined ? driver : absentHost(berth) };
}

function describe(
  entry: ManifestNode,
  index: number,
  placed: Placed,
  { definition, driver }: Making,
  berth: Berth | undefined,
): ResolvedNode | Promise<ResolvedNode> {
  const { node, placement } = placed;
  const id = definition.ids[index] ?? '';
  const isInstance = 'instance' in entry;
  const standIn = isInstance ? standInOf(entry.instance) : undefined;
  // For all places at which an instance stands: how often it can be entered at once is a matter of the instance.
  applySettings(node, readSettings(entry));
  const { restart } = settingsOf(node, id);
  if (definition.replica !== undefined) becomeReplica(node, id);
  const resolved: ResolvedNode = {
    id,
    node,
    type: standIn?.type ?? (isInstance ? classNameOf(entry.instance) : entry.node_type),
    placement,
    host: placement.name,
    why:
      standIn?.why ??
      (berth === undefined ? whyThere(placement, isInstance, driver) : whyAway(berth, isInstance)),
    isSource: roleOf(node) === 'source',
  };
  if (restart === undefined) return resolved;
  const { remake } = placed;
  if (remake !== undefined) return restartable(resolved, { remake, keepsSealed: false });
  // A plan has no hosts.
  checkRestart(id, node, berth !== undefined);
  return resolved;
}

/** The class of an object in another host is there, not here. */
function classNameOf(node: AnyNode): string {
  return hostOf(node) === undefined
    ? describeType(node)
    : ((node as { readonly className?: string }).className ?? describeType(node));
}

function whyThere(placement: Host, isInstance: boolean, driver: Host): string {
  if (placement === driver)
    return isInstance ? 'TypeScript objects of this program' : 'TypeScript nodes that the manifest names';
  if (!isInstance) return 'Python nodes that the manifest names';
  const language = placement.language === 'typescript' ? 'TypeScript' : 'Python';
  return `${language} objects that live in the host ${placement.name}`;
}

function whyAway({ kind, group }: Berth, isInstance: boolean): string {
  const what = isInstance ? 'TypeScript objects that ask' : 'TypeScript nodes that ask';
  const host = kind === 'thread' ? 'worker thread' : 'process';
  return group === undefined
    ? `${what} for a ${host} of their own`
    : `${what} for a ${host} with group "${group}"`;
}

/** Stands in a plan for a host that is not started for it. */
function absentHost({ name }: Berth): Host {
  const absent = (): Promise<never> => Promise.reject(new Error('a plan has no hosts'));
  return { name, language: 'typescript', canShareMemory: false, listen: absent, open: absent };
}

function isTypeScript(entry: ManifestNode): boolean {
  return 'node_type' in entry && languageOfType(entry.node_type) !== 'python';
}

function pathOf(index: number): string {
  return `nodes[${String(index)}]`;
}
