import { types } from 'node:util';
import type { CapturedScope } from './captured-scopes.js';
import type { Encoder } from './encoder.js';
import { IMPORT_FUNCTION, IMPORT_META } from './free-variables.js';
import { Kind } from './format.js';
import type { FunctionSource } from './function-source.js';
import { isReplacedGlobal, isStandardGlobal } from './globals.js';
import type { FunctionInsight } from './inspector.js';
import { moduleOfNamespace, namespaceSources } from './modules.js';
import { isRequire, makeSpecial, noteRequire } from './link-values.js';

/** Finds what a function captured, puts it into the scopes of the payload, and gives the scope that its text is to be evaluated in. */
export function captureVariables(
  encoder: Encoder,
  fn: object,
  { free, assigned }: FunctionSource,
  { scopes, location }: FunctionInsight,
): CapturedScope {
  const url = location?.url ?? '';
  const root = encoder.scopes.root(location?.scriptId ?? '', url);
  const levels = new Map<string, number>();
  let innermost = scopes.length;
  for (const name of free) {
    const level = scopes.findIndex(({ variables }) => Object.hasOwn(variables, name));
    levels.set(name, level);
    if (level !== -1) innermost = Math.min(innermost, level);
  }
  const resolved = encoder.scopes.resolve(root, scopes, fn, innermost);
  for (const [name, level] of levels) {
    const scope = level === -1 ? root : (resolved[level - innermost] as CapturedScope);
    const variables = level === -1 ? surroundings(name, url) : scopes[level]?.variables;
    if (variables !== undefined) capture(encoder, scope, name, variables[name], url, assigned.has(name));
  }
  return resolved[0] ?? root;
}

function capture(
  encoder: Encoder,
  scope: CapturedScope,
  name: string,
  value: unknown,
  url: string,
  isAssigned: boolean,
): void {
  scope.use(name, encoder.current, isAssigned);
  if (scope.variables.has(name)) return;
  if (isRequire(value)) noteRequire(value, url);
  if (types.isModuleNamespaceObject(value) && moduleOfNamespace(value as object) === undefined)
    for (const module of namespaceSources(name, url)) encoder.missing.add(module);
  scope.variables.set(name, value);
  if (
    (typeof value === 'object' && value !== null) ||
    typeof value === 'function' ||
    typeof value === 'symbol'
  )
    encoder.refer(value, { text: `captured variable "${name}"` });
}

/** Names that no scope has: what belongs to the file, and globals that the program added or replaced. */
function surroundings(name: string, url: string): Record<string, unknown> | undefined {
  if (name === IMPORT_META) return { [name]: makeSpecial({ kind: Kind.ImportMeta, url }) };
  if (name === IMPORT_FUNCTION) return { [name]: makeSpecial({ kind: Kind.ImportFunction, url }) };
  if (isStandardGlobal(name) && !isReplacedGlobal(name)) return undefined;
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  return descriptor !== undefined && 'value' in descriptor
    ? { [name]: descriptor.value as unknown }
    : undefined;
}
