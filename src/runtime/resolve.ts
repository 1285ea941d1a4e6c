import { languageOfType, makeNode } from '../catalog/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { hostOf, startTypeScriptHost, type Host } from '../hosts/index.js';
import type { ManifestNode, ManifestTypeNode } from '../manifest/index.js';
import { concurrencyOf, describeType, roleOf, type AnyNode } from '../node/index.js';
import { chainEdges } from '../plan/index.js';
import { checkDefinition, type PipelineDefinition } from './definition.js';
import type { ResolvedNode, ResolvedPipeline } from './resolved.js';

const IN_PROCESS_EXECUTORS: readonly (string | undefined)[] = [undefined, 'in-process'];
/** Executors that mean a host of its own. */
const OTHER_HOSTS: Readonly<Partial<Record<string, 'thread' | 'process'>>> = {
  worker: 'thread',
  process: 'process',
  multiprocess: 'process',
};

/**
 * Looks up or makes the nodes of a pipeline, and says where each of them runs.
 *
 * @param driver - where nodes run that ask for no other place
 */
export async function resolvePipeline(
  definition: PipelineDefinition,
  driver: Host,
): Promise<ResolvedPipeline> {
  checkDefinition(definition);
  const releases: (() => Promise<void>)[] = [];
  const release = async (): Promise<void> => {
    for (const undo of releases.splice(0).reverse()) await undo();
  };
  const nodes: ResolvedNode[] = [];
  try {
    for (const [index, entry] of definition.entries.entries()) {
      nodes.push(await resolveEntry(entry, index, definition, driver, releases));
    }
  } catch (error) {
    await release();
    throw error;
  }
  const { ids, connections } = definition;
  return {
    name: definition.name,
    nodes,
    edges: connections.length > 0 ? connections : chainEdges(ids),
    release,
  };
}

async function resolveEntry(
  entry: ManifestNode,
  index: number,
  definition: PipelineDefinition,
  driver: Host,
  releases: (() => Promise<void>)[],
): Promise<ResolvedNode> {
  const id = definition.ids[index] ?? '';
  const isInstance = 'instance' in entry;
  const node = isInstance
    ? entry.instance
    : await makePlacedNode(entry, `nodes[${String(index)}]`, definition.baseDir, releases);
  // For all places at which an instance stands: how often it can be entered at once is a matter of the instance.
  if (entry.concurrency !== undefined) node.concurrency = entry.concurrency;
  concurrencyOf(node, id);
  const executor = entry.executor ?? node.executor;
  const type = isInstance ? classNameOf(node) : entry.node_type;
  const placement = placeOf(node, id, executor, driver);
  return {
    id,
    node,
    type,
    placement,
    host: placement.name,
    why: whyThere(placement, isInstance, executor, driver),
    isSource: roleOf(node) === 'source',
  };
}

/** The class of an object in another host is there, not here. */
function classNameOf(node: AnyNode): string {
  return hostOf(node) === undefined
    ? describeType(node)
    : ((node as { readonly className?: string }).className ?? describeType(node));
}

function placeOf(node: AnyNode, id: string, executor: string | undefined, driver: Host): Host {
  const remote = hostOf(node);
  if (remote !== undefined) return remote;
  if (IN_PROCESS_EXECUTORS.includes(executor)) return driver;
  throw new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${id}" asks for the executor "${String(executor)}", but live objects written in TypeScript run "in-process" in this version. ` +
      'Leave executor out, or name the class in a manifest entry ({"node_type": "./nodes.js#MyNode"}), which may have one.',
    { nodeId: id },
  );
}

function whyThere(placement: Host, isInstance: boolean, executor: string | undefined, driver: Host): string {
  if (placement === driver)
    return isInstance ? 'TypeScript objects of this program' : 'TypeScript nodes that the manifest names';
  if (isInstance)
    return `${placement.isTypeScript === true ? 'TypeScript' : 'Python'} objects that live in the host ${placement.name}`;
  return placement.isTypeScript === true
    ? `a TypeScript node that asks for the executor ${String(executor)}`
    : 'Python nodes that the manifest names';
}

/** Makes the node that an entry names, in the host where it is to run. */
async function makePlacedNode(
  given: ManifestTypeNode,
  path: string,
  baseDir: string,
  releases: (() => Promise<void>)[],
): Promise<AnyNode> {
  const { validateNodeEntry } = await import('../manifest/index.js');
  // Entries of a list come as the user wrote them, with "config" for "params" or without either.
  const entry = validateNodeEntry(given, path) as ManifestTypeNode;
  if (languageOfType(entry.node_type) === 'python') {
    const { makePythonNode } = await import('./python-entries.js');
    const { node, release } = await makePythonNode(entry, path, baseDir);
    releases.push(release);
    return node;
  }
  const kind = OTHER_HOSTS[entry.executor ?? ''];
  if (kind === undefined) return makeNode(entry, path, baseDir);
  const host = await startTypeScriptHost({ kind, name: kind === 'thread' ? 'worker' : 'process' });
  releases.push(() => host.close());
  return host.create({ node_type: entry.node_type, params: entry.params, baseDir, path });
}
