import type { AnyNode } from './node.js';

/** What a node does with its input. */
export type NodeRole = 'process' | 'stream' | 'source';

/** A node may declare its role where its methods do not tell: an object in another host, for example. */
interface RoleBearer {
  readonly '~role'?: NodeRole | undefined;
}

/** The role of an object that {@link nodeProblem} found nothing wrong with. */
export function roleOf(node: AnyNode): NodeRole {
  const declared = (node as RoleBearer)['~role'];
  if (declared !== undefined) return declared;
  if (typeof node.source === 'function') return 'source';
  return typeof node.stream === 'function' ? 'stream' : 'process';
}

/** What keeps a value from being a node, or `undefined` where nothing does. */
export function nodeProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function'
      ? `${describeType(value)}, not an instance of it`
      : describeType(value);
  }
  const node = value as Partial<AnyNode> & RoleBearer;
  const missing: string[] = [];
  if (typeof (node.process ?? node.stream ?? node.source) !== 'function' && node['~role'] === undefined)
    missing.push('process()');
  if (typeof node.initialize !== 'function') missing.push('initialize()');
  if (missing.length > 0) return `${describeNode(value)} without ${missing.join(' and ')}`;
  if (node.cleanup !== undefined && typeof node.cleanup !== 'function')
    return `${describeType(value)} whose cleanup is no function`;
  return undefined;
}

/** The name of a value's type, for error messages: `string`, `null`, `Array`, `class Foo`, `Foo`. */
export function describeType(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'function') {
    return Function.prototype.toString.call(value).startsWith('class')
      ? `class ${value.name}`
      : `function ${value.name}`.trimEnd();
  }
  if (typeof value !== 'object') return typeof value;
  const constructor: unknown = (value as { constructor?: unknown }).constructor;
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'object';
}

/** An object of another host is known by its class there. */
function describeNode(value: object): string {
  const { className } = value as { readonly className?: unknown };
  return '~role' in value && typeof className === 'string'
    ? `an object of the Python class ${className}`
    : describeType(value);
}
