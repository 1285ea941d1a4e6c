import { describeType } from './describe-type.js';
import { SourceNode, StreamingNode, type AnyNode } from './node.js';
import type { RoleBearer } from './role.js';

/** What keeps a value from being a node, or `undefined` where nothing does. */
export function nodeProblem(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'function'
      ? `${describeType(value)}, not an instance of it`
      : describeType(value);
  }
  const node = value as Partial<AnyNode> & RoleBearer;
  const missing: string[] = [];
  if (!hasWork(node)) missing.push(`${workOf(node)}()`);
  if (typeof node.initialize !== 'function') missing.push('initialize()');
  if (missing.length > 0) return `${describeNode(value)} without ${missing.join(' and ')}`;
  if (node.cleanup !== undefined && typeof node.cleanup !== 'function')
    return `${describeType(value)} whose cleanup is no function`;
  return undefined;
}

function hasWork(node: Partial<AnyNode> & RoleBearer): boolean {
  if (node['~role'] !== undefined) return true;
  const work = workOf(node);
  return (
    typeof (work === 'process' ? (node.process ?? node.stream ?? node.source) : node[work]) === 'function'
  );
}

/** The method that a node of its class does its work in; a plain object may have any of them. */
function workOf(node: object): 'process' | 'stream' | 'source' {
  if (node instanceof StreamingNode) return 'stream';
  return node instanceof SourceNode ? 'source' : 'process';
}

/** An object of another host is known by its class there. */
function describeNode(value: object): string {
  const { className } = value as { readonly className?: unknown };
  return '~role' in value && typeof className === 'string'
    ? `an object of the Python class ${className}`
    : describeType(value);
}
