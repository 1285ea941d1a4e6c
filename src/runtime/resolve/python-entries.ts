import { resolve as resolvePath } from 'node:path';
import { ManifestError, RemoteMediaError } from '../../errors/index.js';
import { startPythonHost, type PythonHost, type PythonObjectSpec } from '../../hosts/index.js';
import type { ManifestTypeNode } from '../../manifest/index.js';
import { nodeProblem, type AnyNode } from '../../node/index.js';

/** Kept hosts by folder: modules of the same name in two folders are two modules. */
const keptHosts = new Map<string, Promise<PythonHost>>();

/** A Python node that a manifest names, and how to let go of it. */
export interface PythonEntryNode {
  readonly node: AnyNode;
  readonly release: () => Promise<void>;
}

/** Makes the Python object of a manifest entry, in the kept host of the folder or, where it asks for a process, in one of its own. */
export async function makePythonNode(
  entry: ManifestTypeNode,
  path: string,
  baseDir: string,
): Promise<PythonEntryNode> {
  const isItsOwn = isAlone(entry);
  const host = await (isItsOwn ? startPythonHost({ path: [baseDir] }) : keptHost(baseDir));
  try {
    const node = await host.create({ ...specOf(entry.node_type, baseDir), kwargs: entry.params });
    const problem = nodeProblem(node);
    if (problem !== undefined)
      throw new ManifestError(
        `${path}.node_type: ${entry.node_type} is no node: it makes ${problem}.`,
        `${path}.node_type`,
      );
    return {
      node,
      release: async () => {
        if (isItsOwn) await host.close();
        // A host that died has let go of everything.
        else await node.close().catch(() => undefined);
      },
    };
  } catch (error) {
    if (isItsOwn) await host.close();
    if (!(error instanceof RemoteMediaError) || error.code === 'RM_HOST_DIED') throw error;
    throw new ManifestError(`${path}: ${entry.node_type} could not be made: ${error.message}`, path, {
      cause: error,
      code: error.code,
    });
  }
}

/** Whether it asks for a process of its own. */
export function isAlone({ executor }: ManifestTypeNode): boolean {
  return ['process', 'multiprocess'].includes(executor ?? '');
}

function specOf(type: string, baseDir: string): PythonObjectSpec {
  const file = /^(?:python:)?(.+\.py)#([\w.]+)$/.exec(type);
  if (file !== null) return { file: resolvePath(baseDir, file[1] ?? ''), class: file[2] };
  const name = type.slice('python:'.length);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? { module: name } : { module: name.slice(0, dot), class: name.slice(dot + 1) };
}

async function keptHost(baseDir: string): Promise<PythonHost> {
  const kept = keptHosts.get(baseDir);
  if (kept !== undefined && !(await kept).isDead) return kept;
  const starting = startPythonHost({ path: [baseDir] });
  keptHosts.set(baseDir, starting);
  starting.catch(() => keptHosts.delete(baseDir));
  return starting;
}
