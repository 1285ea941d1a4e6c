import type { ScopeCopy } from './inspector.js';

/** A scope that a snapshot of the heap shows. */
export interface Context {
  /** The same for the same scope of the same snapshot, and no other. */
  readonly name: string;
  readonly variables: ReadonlySet<string>;
}

/** What a snapshot of the heap tells of a function. */
export interface ContextInsight {
  /** Its scopes, innermost first. */
  readonly contexts: readonly Context[];
  /** The id that what `this` is around it has in the snapshot; absent where it is no object, or nothing around has one. */
  readonly selfId: number | undefined;
}

/** Weak; the scopes of a function never change. */
const known = new WeakMap<object, ContextInsight>();
const selves = new WeakMap<object, { readonly value: object | undefined }>();

/** Remembers what a snapshot told. */
export function noteContexts(fn: object, insight: ContextInsight): void {
  known.set(fn, insight);
}

/** Remembers what `this` is around a function. */
export function noteSelf(fn: object, value: object | undefined): void {
  selves.set(fn, { value });
}

/** What `this` is around a function, if it has been found; no object where nothing shows it. */
export function selfOf(fn: object): { readonly value: object | undefined } | undefined {
  return selves.get(fn);
}

/**
 * The names of a function's scopes, given what the inspector shows of them; names of different snapshots begin differently. The inspector leaves out
 * scopes that hold nothing but what the engine needs, so they are found by their variables.
 */
export function contextNames(fn: object, copies: readonly ScopeCopy[]): readonly (string | undefined)[] {
  const contexts = known.get(fn)?.contexts;
  if (contexts === undefined) return NO_NAMES;
  let at = 0;
  return copies.map(({ variables }) => {
    const names = Object.keys(variables);
    if (names.length === 0) return undefined;
    while (at < contexts.length && !names.every((name) => contexts[at]?.variables.has(name))) at++;
    return contexts[at++]?.name;
  });
}

const NO_NAMES: readonly undefined[] = [];
