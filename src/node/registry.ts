import { InvalidArgumentError } from '../errors/index.js';
import type { AnyNode } from './node.js';

/** JSON Schema of a node's parameters: what a manifest may state, and what `remotemedia nodes` shows. */
export interface ParameterSchema {
  /** Parameters are named: they are the fields of one object. */
  readonly type: 'object';
  /** JSON Schema of each parameter, by name; `remotemedia nodes` shows type, `default` and `description`. */
  readonly properties: Readonly<Record<string, object>>;
  /** Parameters that have to be given. @defaultValue none */
  readonly required?: readonly string[];
  /** Whether other names are let through; they are mostly misspelt. @defaultValue false */
  readonly additionalProperties?: boolean;
}

/** A class whose instances are nodes and whose constructor takes one object of options and parameters. */
export interface NodeClass {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- every class has its own type of options.
  new (options?: any): AnyNode;
  /** Name of the class; its type in manifests, unless {@link registerNode} is given another. */
  readonly name: string;
  /** One sentence on what the node does. */
  readonly description?: string;
  /** Its parameters. Without it a manifest's params are handed to the constructor unchecked. */
  readonly parameters?: ParameterSchema;
}

/** A registered node class. */
export interface RegisteredNode {
  /** The name under which it was registered. */
  readonly type: string;
  /** Makes the nodes: called with the `params` of a manifest entry, anew for every run. */
  readonly nodeClass: NodeClass;
}

const SUFFIX = 'Node';
const registry = new Map<string, RegisteredNode>();

/**
 * Makes a node class known to manifests under its name, with and without the `Node` suffix; the newest wins.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where it is no class or has no name.
 */
export function registerNode(nodeClass: NodeClass, type?: string): void {
  const name = type ?? (nodeClass as NodeClass | undefined)?.name ?? '';
  if (typeof nodeClass !== 'function' || name === '') {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      'registerNode() takes a class with a name. Pass the name as the second argument where the class has none.',
    );
  }
  registry.set(withoutSuffix(name), { type: name, nodeClass });
}

/** The node class of a type name, with or without the `Node` suffix. */
export function findNode(type: string): NodeClass | undefined {
  return registry.get(withoutSuffix(type))?.nodeClass;
}

/** All registered node classes, by name. */
export function registeredNodes(): RegisteredNode[] {
  return [...registry.values()].sort((a, b) => a.type.localeCompare(b.type));
}

function withoutSuffix(type: string): string {
  return type.length > SUFFIX.length && type.endsWith(SUFFIX) ? type.slice(0, -SUFFIX.length) : type;
}
