import { takeHeapSnapshot, type HeapSnapshot, type ScopeCopy } from './inspector.js';

/** A scope that a snapshot shows. */
interface Context {
  /** The same for the same scope of the same snapshot, and no other. */
  readonly name: string;
  readonly variables: ReadonlySet<string>;
}

/** A snapshot of a larger heap takes longer than anyone would wait for. In bytes. */
const HEAP_LIMIT_BYTES = 256 * 1024 * 1024;

/** Weak; the scopes of a function never change. */
const known = new WeakMap<object, readonly Context[]>();
let snapshots = 0;

/**
 * The names of a function's scopes, given what the inspector shows of them; names of different snapshots begin differently. The inspector leaves out
 * scopes that hold nothing but what the engine needs, so they are found by their variables.
 */
export function contextNames(fn: object, copies: readonly ScopeCopy[]): readonly (string | undefined)[] {
  const contexts = known.get(fn) ?? [];
  let at = 0;
  return copies.map(({ variables }) => {
    const names = Object.keys(variables);
    if (names.length === 0) return undefined;
    while (at < contexts.length && !names.every((name) => contexts[at]?.variables.has(name))) at++;
    return contexts[at++]?.name;
  });
}

/** Whether {@link findContexts} can be asked. */
export function canFindContexts(): boolean {
  return process.memoryUsage().heapUsed < HEAP_LIMIT_BYTES;
}

/** Finds the scopes of functions in a snapshot of the heap: the only place that tells one scope from another that looks the same. Takes from 0.2 s on. */
export async function findContexts(functions: readonly object[]): Promise<void> {
  const { snapshot, ids } = await takeHeapSnapshot(functions);
  const heap = new HeapGraph(snapshot);
  const generation = ++snapshots;
  functions.forEach((fn, index) => {
    known.set(fn, heap.contextsOf(Number(ids[index]), generation));
  });
}

class HeapGraph {
  readonly #snapshot: HeapSnapshot;
  readonly #nodeFields: number;
  readonly #edgeFields: number;
  readonly #positions = new Map<number, number>();
  /** For each node its first edge. */
  readonly #firstEdges: number[] = [];
  readonly #internalType: number;
  readonly #nameAt: number;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    const { node_fields, edge_fields, edge_types } = snapshot.snapshot.meta;
    this.#nodeFields = node_fields.length;
    this.#edgeFields = edge_fields.length;
    this.#internalType = (edge_types[0] as string[]).indexOf('internal');
    this.#nameAt = node_fields.indexOf('name');
    const idAt = node_fields.indexOf('id');
    const countAt = node_fields.indexOf('edge_count');
    let edge = 0;
    for (let at = 0; at < snapshot.nodes.length; at += this.#nodeFields) {
      this.#positions.set(snapshot.nodes[at + idAt] as number, this.#firstEdges.length);
      this.#firstEdges.push(edge);
      edge += snapshot.nodes[at + countAt] as number;
    }
    this.#firstEdges.push(edge);
  }

  /** The scopes of a function, innermost first. */
  contextsOf(id: number, generation: number): Context[] {
    const contexts: Context[] = [];
    const start = this.#positions.get(id);
    let current = start === undefined ? undefined : this.#follow(start, 'context');
    while (current !== undefined) {
      contexts.push({ name: `${generation}:${current}`, variables: this.#variablesOf(current) });
      current = this.#follow(current, 'previous');
    }
    return contexts;
  }

  /** What is declared in a scope: the strings that its description refers to. */
  #variablesOf(context: number): Set<string> {
    const { nodes, strings } = this.#snapshot;
    const info = this.#follow(context, 'scope_info');
    const names = new Set<string>();
    if (info === undefined) return names;
    for (const target of this.#targets(info))
      names.add(strings[nodes[target * this.#nodeFields + this.#nameAt] as number] as string);
    return names;
  }

  *#targets(node: number): Generator<number> {
    const { edges } = this.#snapshot;
    for (let edge = this.#firstEdges[node] as number; edge < (this.#firstEdges[node + 1] as number); edge++)
      yield (edges[edge * this.#edgeFields + 2] as number) / this.#nodeFields;
  }

  #follow(node: number, name: string): number | undefined {
    const { edges, strings } = this.#snapshot;
    for (let edge = this.#firstEdges[node] as number; edge < (this.#firstEdges[node + 1] as number); edge++) {
      const at = edge * this.#edgeFields;
      if (edges[at] === this.#internalType && strings[edges[at + 1] as number] === name)
        return (edges[at + 2] as number) / this.#nodeFields;
    }
    return undefined;
  }
}
