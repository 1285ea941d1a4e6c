import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findTsx, importModule, stripsTypes } from '../catalog/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { describeType, nodeProblem, type AnyNode } from '../node/index.js';
import { explain, type ExplainedPart, type Explanation } from '../serialization/index.js';
import { EXIT } from './exit-code.js';
import { print } from './stdout.js';

/** Attributes that are listed with their sizes. */
const SIZES_SHOWN = 5;

/**
 * `remotemedia doctor --serialize FILE`: what would happen to each node that a module exports, alone, in a list or in a pipeline, if it were sent to
 * another host. Nothing runs but the module itself, and hooks of its objects.
 *
 * @throws RemoteMediaError `RM_MODULE` where the module cannot be loaded, or exports no node
 */
export async function explainNodes(file: string): Promise<number> {
  const nodes = nodesOf(await load(resolve(file)));
  if (nodes.size === 0) {
    throw new RemoteMediaError(
      'RM_MODULE',
      `${file} exports no node. Export instances, lists of them, or a Pipeline.`,
    );
  }
  let isRefused = false;
  for (const [name, node] of nodes) {
    const explanation = await explain(node, { node: name });
    isRefused ||= !explanation.isSerializable;
    await print(report(name, node, explanation));
  }
  return isRefused ? EXIT.missing : EXIT.ok;
}

/** Loads a module as its own program would: with this very copy of the package, whose classes are then known. */
async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  const api = findTsx(dirname(path)) ?? findTsx(process.cwd());
  if (!/\.[cm]?ts$/i.test(path) || stripsTypes() || api === undefined) return importModule(path);
  const { register } = (await import(pathToFileURL(api).href)) as { register: () => unknown };
  register();
  return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
}

/** The nodes of all exports under their names; those of a list or a pipeline by their places. */
function nodesOf(module: Readonly<Record<string, unknown>>): Map<string, AnyNode> {
  const nodes = new Map<string, AnyNode>();
  for (const [name, value] of Object.entries(module)) {
    if (isNode(value)) nodes.set(name, value);
    else if (typeof value === 'object' && value !== null && Symbol.iterator in value)
      [...(value as Iterable<unknown>)].forEach((item, index) => {
        if (isNode(item)) nodes.set(`${name}[${String(index)}]`, item);
      });
  }
  return nodes;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && nodeProblem(value) === undefined;
}

function report(
  name: string,
  node: AnyNode,
  { byReference, byValue, refused, byteLength, sizes }: Explanation,
): string {
  const isRefused = refused.length > 0;
  const size = isRefused ? 'cannot be sent' : `${byteLength.toLocaleString('en-US')} bytes`;
  const lines = [`${name}: ${describeType(node)}, ${size}`];
  const list = (title: string, items: readonly string[]): void => {
    if (items.length > 0) lines.push(`  ${title}`, ...items.map((item) => `    ${item}`));
  };
  list('by reference', byReference.map(line));
  list('by value', byValue.map(line));
  const largest = isRefused ? [] : sizes.filter(({ path }) => path !== '').slice(0, SIZES_SHOWN);
  list(
    'largest attributes',
    largest.map((size) => `${size.path}: ${size.byteLength.toLocaleString('en-US')} bytes`),
  );
  list(
    'refused',
    refused.map(({ message }) => message),
  );
  return `${lines.join('\n')}\n`;
}

function line({ path, what }: ExplainedPart): string {
  return path === '' ? what : `${path}: ${what}`;
}
