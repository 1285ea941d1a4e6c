import { InvalidArgumentError } from '../../errors/index.js';
import { hostOf, makeReplica } from '../../hosts/index.js';
import type { ManifestNode } from '../../manifest/index.js';
import {
  describeType,
  readSettings,
  replicasOf,
  roleOf,
  settingsOf,
  statedSettings,
  type AnyNode,
  type NodeSettings,
} from '../../node/index.js';
import type { PipelineDefinition, ReplicaOrigin } from '../definition.js';
import { kindOf } from '../resolve/executors.js';
import type { ResolveOptions, resolvePipeline } from '../resolve/resolve.js';

/** A node with copies that work side by side. */
interface Replicated {
  readonly entry: ManifestNode;
  readonly id: string;
  readonly count: number;
  /** All that is stated for it. */
  readonly settings: NodeSettings;
}

/** The same pipeline, with one stage in this program in the place of each node that has replicas.
 *
 * @param resolve - makes the nodes of the copies
 * @param options - without them it is for a plan: nothing is serialized
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where a node cannot have replicas; SerializationError where it cannot leave this program
 */
export async function withReplicas(
  definition: PipelineDefinition,
  isTypeScript: (entry: ManifestNode) => boolean,
  resolve: typeof resolvePipeline,
  options: ResolveOptions | undefined,
): Promise<PipelineDefinition> {
  const { entries, ids } = definition;
  if (definition.replica !== undefined) return definition;
  const all = entries.map((entry, index): Replicated => {
    const id = ids[index] ?? '';
    const settings = settingsAt(entry);
    return { entry, id, settings, count: replicasOf(settings, id) };
  });
  if (all.every(({ count }) => count === 1)) return definition;
  const { ReplicaSet } = await import('./replica-set.js');
  const replaced: ManifestNode[] = [];
  for (const replicated of all) {
    if (replicated.count === 1) {
      replaced.push(replicated.entry);
      continue;
    }
    check(replicated, definition, isTypeScript, options);
    checkSettings(replicated);
    const origin = await originOf(replicated, options);
    const { baseDir } = definition;
    replaced.push({ instance: new ReplicaSet({ ...replicated, baseDir, origin, resolve, options }) });
  }
  return { ...definition, entries: replaced };
}

/** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where it is no node of the kind that can have copies */
export function becomeReplica(node: AnyNode, id: string): void {
  checkRole(node, id.replace(/#\d+$/, ''));
  makeReplica(node);
}

function settingsAt(entry: ManifestNode): NodeSettings {
  return { ...('instance' in entry && statedSettings(entry.instance)), ...readSettings(entry) };
}

function check(
  { entry, id, count }: Replicated,
  { entries }: PipelineDefinition,
  isTypeScript: (entry: ManifestNode) => boolean,
  options: ResolveOptions | undefined,
): void {
  const node = 'instance' in entry ? entry.instance : undefined;
  const executor = entry.executor ?? node?.executor;
  const refuse = (why: string, cure: string): never => {
    throw refusal(id, `replicas: ${String(count)} ${why}. ${cure}`);
  };
  if (node !== undefined) checkRole(node, id);
  const home = node === undefined ? undefined : hostOf(node);
  if (home !== undefined)
    refuse(
      `is for nodes that are sent to hosts of their own, and this ${describeType(node)} lives in the host ${home.name}`,
      'Name its class in a manifest entry instead.',
    );
  const isAlone =
    node !== undefined || isTypeScript(entry)
      ? kindOf(id, executor) !== undefined
      : ['process', 'multiprocess'].includes(executor ?? '');
  if (!isAlone)
    refuse(
      'is for nodes in hosts of their own, and this one runs with others',
      'Give it the executor "worker" or "process" ("process" where it is written in Python).',
    );
  if ((entry.group ?? node?.group) !== undefined)
    refuse('is for nodes in hosts of their own, and this one has a group', 'Leave one of the two out.');
  if (node === undefined) return;
  if (entries.filter((other) => 'instance' in other && other.instance === node).length > 1)
    refuse('is for an object at one place, and this one is at several', 'Make an instance for each place.');
  if (node.returnState ?? options?.returnState ?? false)
    refuse(
      'leaves no single state that could come home',
      'Leave returnState out, or set it to false on the node.',
    );
}

/** What is stated for the node holds for the stage; not all of that can. */
function checkSettings({ id, count, settings }: Replicated): void {
  const stage: AnyNode = { initialize: () => undefined, process: () => undefined, ...settings };
  const { fanIn, restart } = settingsOf(stage, id);
  const start = `replicas: ${String(count)} is for nodes`;
  if (restart !== undefined)
    throw refusal(
      id,
      `${start} whose hosts are not started again, and this one has a restart policy. Leave restart out; with the failurePolicy "skip" the other replicas go on where one dies.`,
    );
  if (fanIn !== undefined)
    throw refusal(
      id,
      `${start} that take each item by itself, and this one brings its inputs together (${fanIn.policy}). Leave fanIn out, and bring them together in a node before it.`,
    );
}

function checkRole(node: AnyNode, id: string): void {
  const role = roleOf(node);
  if (role === 'process') return;
  const kind = role === 'source' ? 'source' : 'streaming';
  throw refusal(
    id,
    `replicas is for nodes that take one item at a time, and this is a ${kind} node. Leave it out.`,
  );
}

function refusal(id: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError('RM_INVALID_ARGUMENT', `Node "${id}": ${why}`);
}

/** A live object is cleaned up and serialized once, before anything starts. */
async function originOf(
  { entry, id }: Replicated,
  options: ResolveOptions | undefined,
): Promise<ReplicaOrigin> {
  if (!('instance' in entry) || options === undefined) return { departed: undefined };
  const [{ departureOf }, { serializeTravellers }] = await Promise.all([
    import('../resolve/away.js'),
    import('../resolve/departure.js'),
  ]);
  const leaving = [{ key: id, travellers: new Map([[entry.instance, id]]) }];
  return { departed: (await serializeTravellers(leaving, departureOf(options))).get(id) };
}
