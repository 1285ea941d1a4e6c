import { types } from 'node:util';
import { runInNewContext } from 'node:vm';
import { inspectFunction, inspectorFailure } from './inspector.js';

const NATIVE = /\{\s*\[native code\]\s*\}$/;
const answers = new WeakMap<object, boolean>();

/** What stood under each global name when this module was loaded: an object, or the accessor that makes one. */
const originals = new Map<PropertyKey, unknown>(
  Reflect.ownKeys(globalThis).map((name) => [name, behind(name)]),
);

let realm: Readonly<Record<string, unknown>> | undefined;

/** The global object of a fresh realm: what the language has, whatever this program has made of its own. */
export function freshRealm(): Readonly<Record<string, unknown>> {
  return (realm ??= runInNewContext('globalThis') as Record<string, unknown>);
}

/** Whether an object or accessor under a global name is another one than when this module was loaded. Functions are looked at themselves. */
export function isReplacedObject(name: PropertyKey): boolean {
  const now = behind(name);
  return typeof now !== 'function' && originals.has(name) && originals.get(name) !== now;
}

/** Whether a function is one of JavaScript or Node.js; `name` is what it is known by. A program may have put its own into that place. */
export function isPristineFunction(fn: object, name: string): boolean {
  let answer = answers.get(fn);
  if (answer === undefined) answers.set(fn, (answer = look(fn, name)));
  return answer;
}

function look(fn: object, name: string): boolean {
  if (types.isProxy(fn)) return false;
  const own: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value;
  const isNative = NATIVE.test(Function.prototype.toString.call(fn));
  // Bound functions have native text as well, but no prototype, and their names say so.
  if (isNative && (own === name || Object.hasOwn(fn, 'prototype'))) return true;
  if (inspectorFailure() !== undefined) return true;
  const { location, bound } = inspectFunction(fn);
  if (location !== undefined) return location.url.startsWith('node:');
  if (bound === undefined) return true;
  const isOfProgram = bound.args.length > 0 || typeof bound.target !== 'function';
  return !isOfProgram && isOfNode(bound.target);
}

/** Node.js binds some methods of its classes. */
function isOfNode(fn: object): boolean {
  return inspectFunction(fn).location?.url.startsWith('node:') === true;
}

function behind(name: PropertyKey): unknown {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
  return descriptor === undefined ? undefined : (Reflect.get(descriptor, 'get') ?? descriptor.value);
}
