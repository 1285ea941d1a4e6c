import { resolve as resolvePath } from 'node:path';
import { InvalidArgumentError, ManifestError, RemoteMediaError } from '../errors/index.js';
import type { ManifestTypeNode } from '../manifest/index.js';
import { findNode, nodeProblem, registeredNodes, type AnyNode, type NodeClass } from '../node/index.js';
import '../nodes/index.js';
import { fileOf, withoutLanguage, type FileType } from './node-type.js';

/**
 * Makes the node of an entry that names a TypeScript class: a registered one, or one in a file.
 *
 * @param path - where the entry lies in its manifest, such as `nodes[2]`, for errors
 * @param baseDir - folder against which `./nodes.js#Upper` is resolved
 * @throws ManifestError with the place of what is wrong: `RM_UNKNOWN_NODE_TYPE`, `RM_MODULE`, `RM_INVALID_MANIFEST`
 */
export async function makeNode(entry: ManifestTypeNode, path: string, baseDir: string): Promise<AnyNode> {
  const type = withoutLanguage(entry.node_type);
  const file = fileOf(type);
  const nodeClass = file === undefined ? await lookUp(type, path) : await importClass(file, path, baseDir);
  if (nodeClass.parameters !== undefined) {
    const { checkParams } = await import('../manifest/index.js');
    checkParams(entry, nodeClass, path);
  }
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
  const known = registeredNodes().map((registered) => registered.type);
  const howToAdd =
    'add your own with registerNode(MyNode), or name a file ("./nodes.js#MyNode") or a Python class ("python:module.Class")';
  throw await unknownNodeType(type, path, known, howToAdd);
}

/** The error for a node type that nothing provides. */
export async function unknownNodeType(
  type: string,
  path: string,
  known: readonly string[],
  howToAdd: string,
): Promise<ManifestError> {
  const { didYouMeanType } = await import('../manifest/index.js');
  return new ManifestError(
    `${path}.node_type: there is no node type "${type}"${didYouMeanType(type, known)}. Known are ${known.join(', ')}; ${howToAdd}.`,
    `${path}.node_type`,
    { code: 'RM_UNKNOWN_NODE_TYPE' },
  );
}

async function importClass({ file, className }: FileType, path: string, baseDir: string): Promise<NodeClass> {
  const { importModule } = await import('./module-loader.js');
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await importModule(resolvePath(baseDir, file));
  } catch (error) {
    if (!(error instanceof RemoteMediaError)) throw error;
    const place = `${path}.node_type`;
    throw new ManifestError(`${place}: ${error.message}`, place, { cause: error, code: error.code });
  }
  const found = module[className];
  if (typeof found === 'function') return found as NodeClass;
  const names = Object.keys(module);
  const { didYouMean } = await import('../manifest/index.js');
  const hint = didYouMean(className, names);
  throw new ManifestError(
    `${path}.node_type: ${file} exports no class "${className}"${hint}. It exports ${names.join(', ') || 'nothing'}.`,
    `${path}.node_type`,
    { code: 'RM_MODULE' },
  );
}
