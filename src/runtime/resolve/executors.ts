import { InvalidArgumentError, RemoteMediaError } from '../../errors/index.js';
import { hostOf } from '../../hosts/index.js';
import { roleOf, type AnyNode } from '../../node/index.js';
import type { ManifestNode } from '../../manifest/index.js';
import type { PipelineDefinition } from '../definition.js';

/** What a TypeScript node that leaves this program runs in. */
export type Kind = 'thread' | 'process';

const HERE: readonly (string | undefined)[] = [undefined, 'in-process'];
/** Executors that mean another host. */
const KINDS: Readonly<Partial<Record<string, Kind>>> = {
  worker: 'thread',
  process: 'process',
  multiprocess: 'process',
};

/** What the executor of a TypeScript node means; `undefined` for this program.
 *
 * @throws RemoteMediaError `RM_EXECUTOR_UNAVAILABLE` where there is no such executor
 */
export function kindOf(id: string, executor: string | undefined): Kind | undefined {
  if (HERE.includes(executor)) return undefined;
  const kind = KINDS[executor ?? ''];
  if (kind !== undefined) return kind;
  throw new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${id}" asks for the executor "${String(executor)}"; for nodes written in TypeScript there are "in-process", "worker", "process" and "multiprocess".`,
    { nodeId: id },
  );
}

/** A host for a run: nodes that ask for one of their own, or those of a group. */
export interface Berth {
  /** Which one it is in its run. */
  readonly key: string;
  readonly kind: Kind;
  readonly group: string | undefined;
  /** `worker:upper_0`, or `worker:voices` for a group. */
  readonly name: string;
  /** Ids of all nodes there. */
  readonly ids: string[];
  /** The live objects that are sent there, each once, with the first id that each has. */
  readonly travellers: Map<AnyNode, string>;
  /** Whether the host is started again when it dies. */
  isRestarted: boolean;
}

/** Where the nodes of a pipeline come to live: the hosts that it needs, and by position which of them. */
export interface Berths {
  readonly all: readonly Berth[];
  /** `undefined` for a node of this program or of a host that holds it already, and for Python's. */
  readonly byIndex: readonly (Berth | undefined)[];
}

/**
 * Finds out which nodes leave this program, and which of them share a host. Nothing is started.
 *
 * @param isTypeScript - whether an entry names a TypeScript class
 * @throws RemoteMediaError `RM_EXECUTOR_UNAVAILABLE`; InvalidArgumentError `RM_INVALID_NODE` where one object is to run in two hosts
 */
export function findBerths(
  { entries, ids }: PipelineDefinition,
  isTypeScript: (entry: ManifestNode) => boolean,
): Berths {
  const berths = new Map<string, Berth>();
  const places = new Map<AnyNode, { readonly id: string; readonly berth: Berth | undefined }>();
  const byIndex = entries.map((entry, index) => {
    const id = ids[index] ?? '';
    const berth = berthOf(entry, id, places, berths, isTypeScript);
    if (!('instance' in entry)) return berth;
    const before = places.get(entry.instance);
    if (before !== undefined && before.berth !== berth) throw inTwoHosts(before.id, id, entry.instance);
    places.set(entry.instance, { id: before?.id ?? id, berth });
    if (berth !== undefined && before === undefined) berth.travellers.set(entry.instance, id);
    return berth;
  });
  return { all: [...berths.values()], byIndex };
}

function berthOf(
  entry: ManifestNode,
  id: string,
  places: ReadonlyMap<AnyNode, { readonly id: string }>,
  berths: Map<string, Berth>,
  isTypeScript: (entry: ManifestNode) => boolean,
): Berth | undefined {
  const node = 'instance' in entry ? entry.instance : undefined;
  const isPlaced = node === undefined ? !isTypeScript(entry) : hostOf(node) !== undefined;
  const kind = isPlaced ? undefined : kindOf(id, entry.executor ?? node?.executor);
  if (kind === undefined) return undefined;
  const group = entry.group ?? node?.group;
  // An object at two places is one object there as well.
  const owner = ('instance' in entry ? places.get(entry.instance)?.id : undefined) ?? id;
  const key = JSON.stringify([kind, group ?? { owner }]);
  const berth = berths.get(key) ?? {
    key,
    kind,
    group,
    name: `${kind === 'thread' ? 'worker' : 'process'}:${group ?? owner}`,
    ids: [],
    travellers: new Map<AnyNode, string>(),
    isRestarted: false,
  };
  berths.set(key, berth);
  berth.ids.push(id);
  berth.isRestarted ||= (entry.restart ?? node?.restart ?? 0) !== 0;
  if (berth.isRestarted && berth.ids.length > 1) throw notAlone(berth.ids);
  return berth;
}

function notAlone(ids: readonly string[]): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `Nodes "${ids.join('", "')}" share a host, and a host that is started again holds one node. Leave out the group or the second place, or restart.`,
    { nodeId: ids[0] },
  );
}

function inTwoHosts(first: string, second: string, node: AnyNode): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_NODE',
    `Nodes "${first}" and "${second}" are the same ${roleOf(node)} node, which cannot be in two hosts at once. Give both places the same executor and group, or make a second instance.`,
    { nodeId: second },
  );
}
