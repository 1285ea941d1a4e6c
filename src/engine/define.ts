import { languageOfType, unknownNodeType, withoutLanguage } from '../catalog/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { RemoteNode, type Host } from '../hosts/index.js';
import {
  checkParams,
  manifestProblemWithString,
  parseManifest,
  validateManifest,
  type ManifestNode,
  type ManifestTypeNode,
} from '../manifest/index.js';
import { findNode, readSettings, registeredNodes, writeSettings } from '../node/index.js';
import { chainEdges, planSegments } from '../plan/index.js';
import { checkDefinition, listDefinition, Pipeline, type PipelineDefinition } from '../runtime/index.js';
import type { DefineAnswer, DefinedNode, DefineRequest } from './messages.js';

/**
 * Reads and checks what a driver was given as a pipeline, and says which language each node is written in.
 *
 * @throws ManifestError, InvalidArgumentError, GraphError as a TypeScript driver throws them
 */
export async function define(request: DefineRequest, driver: Host): Promise<DefineAnswer> {
  const { definition, isManifest } = await read(request, driver);
  checkDefinition(definition);
  checkGraph(definition);
  const pythonTypes = new Set(request.pythonTypes);
  const nodes: DefinedNode[] = [];
  for (const [index, entry] of definition.entries.entries())
    nodes.push(await definedNode(entry, definition.ids[index] ?? '', `nodes[${String(index)}]`, pythonTypes));
  const { name, connections, baseDir } = definition;
  return { name, isManifest, nodes, connections, baseDir };
}

async function read(
  { text, manifest, entries, baseDir }: DefineRequest,
  driver: Host,
): Promise<{ readonly definition: PipelineDefinition; readonly isManifest: boolean }> {
  if (entries !== undefined && entries !== null) {
    const list = entries.map((entry) => withInstance(entry, driver));
    return { definition: await listDefinition(list, baseDir), isManifest: false };
  }
  const validated =
    typeof text === 'string' ? parseText(text) : validateManifest(withInstances(manifest, driver));
  return { definition: Pipeline.fromManifest(validated, { baseDir }).definition(), isManifest: true };
}

function parseText(text: string): ReturnType<typeof parseManifest> {
  const problem = manifestProblemWithString(
    text,
    (path) => `Read the file first: Path(${path}).read_text().`,
  );
  if (problem !== undefined) throw new InvalidArgumentError('RM_INVALID_PIPELINE', problem);
  return parseManifest(text);
}

function withInstances(manifest: unknown, driver: Host): unknown {
  if (!isRecord(manifest) || !Array.isArray(manifest['nodes'])) return manifest;
  return { ...manifest, nodes: manifest['nodes'].map((entry) => withInstance(entry, driver)) };
}

/** Puts what stands for a live object of the driver where the object would be. */
function withInstance(entry: unknown, driver: Host): unknown {
  if (!isRecord(entry) || !isRecord(entry['instance'])) return entry;
  const { object, className, name } = entry['instance'] as {
    readonly object: number;
    readonly className: string;
    readonly name?: string | null;
  };
  return { ...entry, instance: new RemoteNode(driver, { object, className, name, traits: ANY_NODE }) };
}

/** What the object can do is for the driver to check. */
const ANY_NODE = {
  process: true,
  initialize: true,
  cleanup: true,
  flush: false,
  isStreaming: false,
  isSource: false,
  isAsync: false,
};

function checkGraph({ name, ids, connections }: PipelineDefinition): void {
  planSegments({
    name,
    driver: '',
    nodes: ids.map((id) => ({ id, type: '', host: '', why: '', isSource: false })),
    edges: connections.length > 0 ? connections : chainEdges(ids),
  });
}

async function definedNode(
  entry: ManifestNode,
  id: string,
  path: string,
  pythonTypes: ReadonlySet<string>,
): Promise<DefinedNode> {
  const { executor } = entry;
  const place = {
    id,
    ...(executor === undefined ? {} : { executor }),
    ...writeSettings(readSettings(entry)),
  };
  if ('instance' in entry)
    return {
      ...place,
      language: 'python',
      instance: (entry.instance as unknown as Pick<RemoteNode, 'objectId'>).objectId,
    };
  const language = await languageOf(entry, path, pythonTypes);
  const { node_type, params, is_streaming } = entry;
  return {
    ...place,
    language,
    node_type: language === 'typescript' ? withoutLanguage(node_type) : node_type,
    params,
    ...(is_streaming === undefined ? {} : { is_streaming }),
  };
}

async function languageOf(
  entry: ManifestTypeNode,
  path: string,
  pythonTypes: ReadonlySet<string>,
): Promise<DefinedNode['language']> {
  const { node_type: given } = entry;
  const stated = languageOfType(given);
  if (stated === 'python' || (stated === undefined && pythonTypes.has(given))) return 'python';
  const type = withoutLanguage(given);
  // What is in a file is looked at where the node is made.
  if (languageOfType(type) === 'typescript') return 'typescript';
  const nodeClass = findNode(type);
  if (nodeClass === undefined) throw await unknownNodeType(type, path, known(pythonTypes), HOW_TO_ADD);
  checkParams(entry, nodeClass, path);
  return 'typescript';
}

const HOW_TO_ADD =
  'add your own in Python: define a Node subclass, or name one ("python:module.Class", "./nodes.py#MyNode"); in TypeScript: name a file ("./nodes.js#MyNode")';

/** The types of both languages, each once. */
function known(pythonTypes: ReadonlySet<string>): string[] {
  const python = [...pythonTypes].filter((type) => !pythonTypes.has(`${type}Node`));
  return [...new Set([...python, ...registeredNodes().map(({ type }) => type)])].sort();
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
