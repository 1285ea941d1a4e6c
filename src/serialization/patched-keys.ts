import { types } from 'node:util';
import { HeadFlag } from './format.js';
import type { ClassMembers } from './function-source.js';
import { STANDS_FOR } from './hooks.js';

/** Own properties of a class or its prototype that its text does not give: set from outside, changed, or static fields. */
export function patchedKeys(
  holder: object,
  members: ClassMembers | undefined,
  prefix: '' | 'static ',
  integrity: number,
): PropertyKey[] {
  return Reflect.ownKeys(holder).filter((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(holder, key) as PropertyDescriptor;
    if (key === 'prototype' && prefix !== '') return false;
    if (key === 'constructor' && prefix === '') return !isAsWritten(descriptor, integrity);
    // Every class has these two; those of static fields can be written to.
    if (prefix !== '' && (key === 'length' || key === 'name') && descriptor.writable !== true)
      return members?.texts.has(`${prefix}${key}`) === true && !isFromText(key, descriptor, members, prefix);
    if (members === undefined || !isAsWritten(descriptor, integrity)) return true;
    return !isFromText(key, descriptor, members, prefix);
  });
}

/** Plain names of the text that are no longer there. */
export function deletedMembers(constructor: { readonly prototype: object }, members: ClassMembers): string[] {
  return [...members.texts.keys()].filter((name) => {
    if (name === '[]') return false;
    return name.startsWith('static ')
      ? !Object.hasOwn(constructor, name.slice('static '.length))
      : !Object.hasOwn(constructor.prototype, name);
  });
}

/** The attributes are those of a method or an accessor in a class, as far as freezing and sealing leave them. */
function isAsWritten(descriptor: PropertyDescriptor, integrity: number): boolean {
  const isFrozen = integrity === HeadFlag.Frozen;
  const isFixed = isFrozen || integrity === HeadFlag.Sealed;
  return (
    descriptor.enumerable === false &&
    (descriptor.configurable === true || isFixed) &&
    (descriptor.writable !== false || isFrozen)
  );
}

/** The function that a wrapper stands for, else the function itself. */
export function unwrapped(fn: object): object {
  if (types.isProxy(fn)) return fn;
  const original: unknown = Object.getOwnPropertyDescriptor(fn, STANDS_FOR)?.value;
  return typeof original === 'function' ? original : fn;
}

function isFromText(
  key: PropertyKey,
  descriptor: PropertyDescriptor,
  { texts }: ClassMembers,
  prefix: string,
): boolean {
  const known = (typeof key === 'string' ? texts.get(`${prefix}${key}`) : undefined) ?? texts.get('[]');
  if (known === undefined) return false;
  const { value, get, set } = descriptor as Record<string, unknown>;
  if (typeof value === 'function') return known.includes(textOf(unwrapped(value)));
  const isHalf = (get === undefined) !== (set === undefined);
  // An accessor may have lost its other half.
  if (isHalf && known.filter((text) => ACCESSOR.test(text)).length > 1 && known !== texts.get('[]'))
    return false;
  const halves = [get, set].filter((half) => half !== undefined);
  return (
    halves.length > 0 && halves.every((half) => typeof half === 'function' && known.includes(textOf(half)))
  );
}

const ACCESSOR = /^(?:get|set)\b/;

function textOf(fn: object): string {
  return Function.prototype.toString.call(fn);
}
