import { contextNames } from './contexts.js';
import type { ScopeCopy } from './inspector.js';
import { ScopeContents } from './scope-contents.js';

/** A scope that functions of one payload capture variables of. */
export class CapturedScope {
  readonly id: number;
  readonly parent: CapturedScope | undefined;
  readonly url: string;
  readonly copy: ScopeCopy | undefined;
  /** Captured so far. */
  readonly variables: Map<string, unknown> = new Map<string, unknown>();
  /** The scopes right in it, by what they hold. */
  readonly children: Map<string, Lookalikes> = new Map<string, Lookalikes>();
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
  readonly #contents = new ScopeContents();
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
      parent = this.#child(parent, root.url, copy, context);
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

  #child(parent: CapturedScope, url: string, copy: ScopeCopy, context: string | undefined): CapturedScope {
    const key = isUnique(copy) ? copy.description : this.#contents.keyOf(copy);
    let alike = parent.children.get(key);
    if (alike === undefined) parent.children.set(key, (alike = new Lookalikes()));
    const same = isUnique(copy) ? alike.first() : alike.find(context);
    if (same === undefined) {
      const scope = this.#add(parent, url, copy);
      alike.add(scope, context);
      return scope;
    }
    if (!isUnique(copy) && (context === undefined || same.context !== context)) same.isGuessed = true;
    if (same.context === undefined && context !== undefined) alike.name(same, context);
    return same;
  }

  #add(parent: CapturedScope | undefined, url: string, copy: ScopeCopy | undefined): CapturedScope {
    const scope = new CapturedScope(this.all.length, parent, url, copy);
    this.all.push(scope);
    return scope;
  }
}

/** Scopes at one place of the text whose variables are all the same. */
class Lookalikes {
  /** Of which no snapshot has told. */
  readonly #unnamed: CapturedScope[] = [];
  readonly #named = new Map<string, CapturedScope>();
  /** The first one of each snapshot: names of different snapshots cannot be compared. */
  readonly #firstOf = new Map<string, CapturedScope>();

  /** Any of them. */
  first(): CapturedScope | undefined {
    return this.#unnamed[0] ?? [...this.#firstOf.values()][0];
  }

  /** The one of that name, else one that may be it. */
  find(context: string | undefined): CapturedScope | undefined {
    if (context === undefined) return this.first();
    const known = this.#named.get(context) ?? this.#unnamed[0];
    if (known !== undefined) return known;
    for (const [snapshot, scope] of this.#firstOf) if (snapshot !== snapshotOf(context)) return scope;
    return undefined;
  }

  add(scope: CapturedScope, context: string | undefined): void {
    if (context === undefined) this.#unnamed.push(scope);
    else this.#name(scope, context);
  }

  /** Gives a name to one that had none. */
  name(scope: CapturedScope, context: string): void {
    const at = this.#unnamed.indexOf(scope);
    if (at !== -1) this.#unnamed.splice(at, 1);
    this.#name(scope, context);
  }

  #name(scope: CapturedScope, context: string): void {
    scope.context = context;
    this.#named.set(context, scope);
    if (!this.#firstOf.has(snapshotOf(context))) this.#firstOf.set(snapshotOf(context), scope);
  }
}

function snapshotOf(context: string): string {
  return context.slice(0, context.indexOf(':'));
}

/** There is one in each script. */
function isUnique({ description }: ScopeCopy): boolean {
  return description === 'Module' || description === 'Script';
}
