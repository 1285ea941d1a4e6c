import { types } from 'node:util';
import type { ClassMembers } from './function-source.js';
import { STANDS_FOR } from './hooks.js';

/** Own properties of a class or its prototype that its text does not give: set from outside, or static fields. */
export function patchedKeys(
  holder: object,
  members: ClassMembers | undefined,
  prefix: '' | 'static ',
): PropertyKey[] {
  return Reflect.ownKeys(holder).filter((key) => {
    if (key === (prefix === '' ? 'constructor' : 'prototype')) return false;
    const descriptor = Object.getOwnPropertyDescriptor(holder, key) as PropertyDescriptor;
    // Every class has these two; those of static fields can be written to.
    if (prefix !== '' && (key === 'length' || key === 'name') && descriptor.writable !== true)
      return isOwnMember(members, prefix, key) && !isFromText(descriptor, members as ClassMembers);
    return members === undefined || !isFromText(descriptor, members);
  });
}

/** Plain names of the text that are no longer there. */
export function deletedMembers(constructor: { readonly prototype: object }, members: ClassMembers): string[] {
  return [...members.names].filter((name) =>
    name.startsWith('static ')
      ? !Object.hasOwn(constructor, name.slice('static '.length))
      : !Object.hasOwn(constructor.prototype, name),
  );
}

/** The function that a wrapper stands for, else the function itself. */
export function unwrapped(fn: object): object {
  if (types.isProxy(fn)) return fn;
  const original: unknown = Object.getOwnPropertyDescriptor(fn, STANDS_FOR)?.value;
  return typeof original === 'function' ? original : fn;
}

function isOwnMember(members: ClassMembers | undefined, prefix: string, key: string): boolean {
  return members?.names.has(`${prefix}${key}`) ?? false;
}

function isFromText(descriptor: PropertyDescriptor, members: ClassMembers): boolean {
  const value: unknown = descriptor.value;
  const method = typeof value === 'function' ? unwrapped(value) : value;
  const functions = [method, Reflect.get(descriptor, 'get'), Reflect.get(descriptor, 'set')].filter(
    (item) => item !== undefined,
  ) as unknown[];
  return (
    functions.length > 0 &&
    functions.every(
      (item) => typeof item === 'function' && members.texts.has(Function.prototype.toString.call(item)),
    )
  );
}
