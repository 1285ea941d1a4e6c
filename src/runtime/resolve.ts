import { resolve as resolvePath } from 'node:path';
import { InvalidArgumentError, ManifestError, RemoteMediaError } from '../errors/index.js';
import { hostOf, type Host } from '../hosts/index.js';
import type { ManifestNode, ManifestTypeNode } from '../manifest/index.js';
import {
  concurrencyOf,
  describeType,
  findNode,
  nodeProblem,
  registeredNodes,
  roleOf,
  type AnyNode,
  type NodeClass,
} from '../node/index.js';
import { chainEdges } from '../plan/index.js';
import '../nodes/index.js';
import { checkDefinition, type PipelineDefinition } from './definition.js';
import { driver } from './driver.js';
import type { ResolvedNode, ResolvedPipeline } from './resolved.js';

const IN_PROCESS_EXECUTORS: readonly (string | undefined)[] = [undefined, 'in-process'];

/** Looks up or makes the nodes of a pipeline, and says where each of them runs. */
export async function resolvePipeline(definition: PipelineDefinition): Promise<ResolvedPipeline> {
  checkDefinition(definition);
  const releases: (() => Promise<void>)[] = [];
  const release = async (): Promise<void> => {
    for (const undo of releases.splice(0).reverse()) await undo();
  };
  const nodes: ResolvedNode[] = [];
  try {
    for (const [index, entry] of definition.entries.entries()) {
      nodes.push(await resolveEntry(entry, index, definition, releases));
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
  releases: (() => Promise<void>)[],
): Promise<ResolvedNode> {
  const id = definition.ids[index] ?? '';
  const isInstance = 'instance' in entry;
  const node = isInstance
    ? entry.instance
    : await makeNode(entry, `nodes[${String(index)}]`, definition.baseDir, releases);
  // For all places at which an instance stands: how often it can be entered at once is a matter of the instance.
  if (entry.concurrency !== undefined) node.concurrency = entry.concurrency;
  concurrencyOf(node, id);
  const executor = entry.executor ?? node.executor;
  const type = isInstance ? classNameOf(node) : entry.node_type;
  const placement = placeOf(node, id, executor);
  return {
    id,
    node,
    type,
    placement,
    host: placement.name,
    why: whyThere(placement, isInstance),
    isSource: roleOf(node) === 'source',
  };
}

/** The class of an object in another host is there, not here. */
function classNameOf(node: AnyNode): string {
  return hostOf(node) === undefined
    ? describeType(node)
    : ((node as { readonly className?: string }).className ?? describeType(node));
}

function placeOf(node: AnyNode, id: string, executor: string | undefined): Host {
  const remote = hostOf(node);
  if (remote !== undefined) return remote;
  if (IN_PROCESS_EXECUTORS.includes(executor)) return driver;
  throw new RemoteMediaError(
    'RM_EXECUTOR_UNAVAILABLE',
    `Node "${id}" asks for the executor "${String(executor)}", but nodes written in TypeScript run "in-process" in this version. Leave executor out.`,
    { nodeId: id },
  );
}

function whyThere(placement: Host, isInstance: boolean): string {
  if (placement === driver)
    return isInstance ? 'TypeScript objects of this program' : 'TypeScript nodes that the manifest names';
  return isInstance
    ? `Python objects that live in the host ${placement.name}`
    : `Python nodes that the manifest names`;
}

async function makeNode(
  given: ManifestTypeNode,
  path: string,
  baseDir: string,
  releases: (() => Promise<void>)[],
): Promise<AnyNode> {
  const { checkParams, validateNodeEntry } = await import('../manifest/index.js');
  // Entries of a list come as the user wrote them, with "config" for "params" or without either.
  const entry = validateNodeEntry(given, path) as ManifestTypeNode;
  const type = entry.node_type;
  const file = /^(.+\.(?:[mc]?[jt]s|py))#([\w$.]+)$/.exec(type);
  if (type.startsWith('python:') || file?.[1]?.endsWith('.py') === true) {
    const { makePythonNode } = await import('./python-entries.js');
    const { node, release } = await makePythonNode(entry, path, baseDir);
    releases.push(release);
    return node;
  }
  const nodeClass =
    file === null ? await lookUp(type, path) : await importClass(file[1] ?? '', file[2] ?? '', path, baseDir);
  checkParams(entry, nodeClass, path);
  return construct(nodeClass, entry, path);
}

function construct(nodeClass: NodeClass, { params }: ManifestTypeNode, path: string): AnyNode {
  let node: unknown;
  try {
    node = new nodeClass(params);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof InvalidArgumentError ? 'RM_INVALID_MANIFEST' : 'RM_MODULE';
    throw new ManifestError(
      `${path}.params: ${nodeClass.name} could not be made: ${message}`,
      `${path}.params`,
      { cause: error, code },
    );
  }
  const problem = nodeProblem(node);
  if (problem === undefined) return node as AnyNode;
  throw new ManifestError(
    `${path}.node_type: ${nodeClass.name} is no node: it makes ${problem}.`,
    `${path}.node_type`,
  );
}

async function lookUp(type: string, path: string): Promise<NodeClass> {
  const nodeClass = findNode(type);
  if (nodeClass !== undefined) return nodeClass;
  const { didYouMeanType } = await import('../manifest/index.js');
  const names = registeredNodes().map((registered) => registered.type);
  throw new ManifestError(
    `${path}.node_type: there is no node type "${type}"${didYouMeanType(type, names)}. Known are ${names.join(', ')}; ` +
      'add your own with registerNode(MyNode), or name a file ("./nodes.js#MyNode") or a Python class ("python:module.Class").',
    `${path}.node_type`,
    { code: 'RM_UNKNOWN_NODE_TYPE' },
  );
}

async function importClass(file: string, name: string, path: string, baseDir: string): Promise<NodeClass> {
  const { importModule } = await import('./module-loader.js');
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await importModule(resolvePath(baseDir, file));
  } catch (error) {
    if (!(error instanceof RemoteMediaError)) throw error;
    const place = `${path}.node_type`;
    throw new ManifestError(`${place}: ${error.message}`, place, { cause: error, code: error.code });
  }
  const found = module[name];
  if (typeof found === 'function') return found as NodeClass;
  const names = Object.keys(module);
  const { didYouMean } = await import('../manifest/index.js');
  const hint = didYouMean(name, names);
  throw new ManifestError(
    `${path}.node_type: ${file} exports no class "${name}"${hint}. It exports ${names.join(', ') || 'nothing'}.`,
    `${path}.node_type`,
    { code: 'RM_MODULE' },
  );
}
