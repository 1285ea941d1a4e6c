import { contextNames } from './contexts.js';
import type { ScopeCopy } from './inspector.js';

/** A scope that functions of one payload capture variables of. */
export class CapturedScope {
  readonly id: number;
  readonly parent: CapturedScope | undefined;
  readonly url: string;
  readonly copy: ScopeCopy | undefined;
  /** Captured so far. */
  readonly variables: Map<string, unknown> = new Map<string, unknown>();
  readonly children: CapturedScope[] = [];
  /** Entries of the functions that use each variable. */
  readonly users: Map<string, Set<number>> = new Map<string, Set<number>>();
  /** Functions that were found in it, and which of its scopes a snapshot says it is. */
  readonly functions: Set<object> = new Set<object>();
  context: string | undefined;
  /** Another function's scope was taken for this one because it looks the same. */
  isGuessed = false;
  /** Variables that one of these functions assigns to. */
  readonly assigned: Set<string> = new Set<string>();

  constructor(id: number, parent: CapturedScope | undefined, url: string, copy: ScopeCopy | undefined) {
    this.id = id;
    this.parent = parent;
    this.url = url;
    this.copy = copy;
  }

  /** Remembers that a function uses a variable. */
  use(name: string, entry: number, isAssigned: boolean): void {
    let users = this.users.get(name);
    if (users === undefined) this.users.set(name, (users = new Set()));
    users.add(entry);
    if (isAssigned) this.assigned.add(name);
  }
}

/** Functions that may or may not share a variable that one of them assigns to. */
export interface Doubt {
  readonly variable: string;
  readonly functions: readonly object[];
}

/**
 * The scopes of a payload. The inspector gives copies without identity: a scope that exists once in its script (that of a module) is recognized by
 * the script, any other by its contents, as two scopes at one place of the text whose variables are all the same behave the same until one is assigned to. Where one is, a
 * snapshot of the heap must tell.
 */
export class CapturedScopes {
  readonly all: CapturedScope[] = [];
  readonly #roots = new Map<string, CapturedScope>();

  /** What surrounds everything in a script: holds what is no variable there, such as `import.meta`. */
  root(scriptId: string, url: string): CapturedScope {
    let root = this.#roots.get(scriptId);
    if (root === undefined) {
      root = this.#add(undefined, url, undefined);
      this.#roots.set(scriptId, root);
    }
    return root;
  }

  /** The scopes of a function from the `skipped`th on, innermost first, as the ones of this payload. */
  resolve(root: CapturedScope, all: readonly ScopeCopy[], fn: object, skipped: number): CapturedScope[] {
    const resolved: CapturedScope[] = [];
    const contexts = contextNames(fn, all).slice(skipped);
    const copies = all.slice(skipped);
    let parent = root;
    for (let level = copies.length - 1; level >= 0; level--) {
      const copy = copies[level] as ScopeCopy;
      const context = contexts[level];
      const same = parent.children.find((child) => isSame(child, copy, context));
      if (same === undefined) parent = this.#add(parent, root.url, copy);
      else {
        parent = same;
        if (!isUnique(copy) && !isCertain(same.context, context)) same.isGuessed = true;
      }
      parent.context ??= context;
      parent.functions.add(fn);
      resolved.push(parent);
    }
    return resolved.reverse();
  }

  /** Where scopes were taken for one and something is assigned to in them. */
  doubts(): Doubt[] {
    const doubts: Doubt[] = [];
    for (const { isGuessed, assigned, users, functions } of this.all) {
      if (!isGuessed) continue;
      const variable = [...assigned].find((name) => (users.get(name)?.size ?? 0) > 1);
      if (variable !== undefined) doubts.push({ variable, functions: [...functions] });
    }
    return doubts;
  }

  #add(parent: CapturedScope | undefined, url: string, copy: ScopeCopy | undefined): CapturedScope {
    const scope = new CapturedScope(this.all.length, parent, url, copy);
    this.all.push(scope);
    parent?.children.push(scope);
    return scope;
  }
}

function isSame(scope: CapturedScope, copy: ScopeCopy, context: string | undefined): boolean {
  const own = scope.copy;
  if (own?.description !== copy.description) return false;
  if (isUnique(copy)) return true;
  if (isComparable(scope.context, context)) return scope.context === context;
  const names = Object.keys(own.variables);
  if (names.length !== Object.keys(copy.variables).length) return false;
  return names.every(
    (name) => Object.hasOwn(copy.variables, name) && Object.is(own.variables[name], copy.variables[name]),
  );
}

/** There is one in each script. */
function isUnique({ description }: ScopeCopy): boolean {
  return description === 'Module' || description === 'Script';
}

function isComparable(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one.split(':')[0] === other.split(':')[0];
}

function isCertain(one: string | undefined, other: string | undefined): boolean {
  return isComparable(one, other) && one === other;
}
