import { noteContexts, noteSelf, type Context, type ContextInsight } from './contexts.js';
import {
  heapIdOf,
  objectOfHeapId,
  releaseHeapIds,
  takeHeapSnapshot,
  type HeapSnapshot,
} from './inspector.js';

/** A snapshot of a larger heap takes longer than anyone would wait for. In bytes. */
const HEAP_LIMIT_BYTES = 256 * 1024 * 1024;

/** A snapshot's generation begins the names of its scopes. */
let generation = 0;

/**
 * A snapshot of the heap: the only place that tells one scope from another that looks the same, and what `this` is around an arrow function. Takes from
 * 0.2 s on; what it told of a function is remembered.
 */
export class HeapView {
  readonly #graph: HeapGraph;
  readonly #objects = new Map<number, object | undefined>();
  readonly #ids = new Map<object, number>();

  private constructor(graph: HeapGraph) {
    this.#graph = graph;
  }

  /** Takes a snapshot; gives nothing where the heap is too large for one. */
  static async take(): Promise<HeapView | undefined> {
    if (process.memoryUsage().heapUsed >= HEAP_LIMIT_BYTES) return undefined;
    return new HeapView(new HeapGraph(await takeHeapSnapshot(), ++generation));
  }

  /** Looks a function up; gives whether the snapshot has it. It has not what was made later. */
  learn(fn: object): boolean {
    const found = this.#graph.contextsOf(this.#idOf(fn));
    if (found === undefined) return false;
    noteContexts(fn, found);
    return true;
  }

  /** Finds what `this` is around a function; gives whether the snapshot has it. `likely` are objects that it may well be. */
  bind(fn: object, likely: Iterable<object>): boolean {
    const found = this.#graph.contextsOf(this.#idOf(fn));
    if (found === undefined) return false;
    noteContexts(fn, found);
    noteSelf(fn, found.selfId === undefined ? undefined : this.#objectOf(found.selfId, likely));
    return true;
  }

  #objectOf(id: number, likely: Iterable<object>): object | undefined {
    if (this.#objects.has(id)) return this.#objects.get(id);
    for (const object of likely)
      if (this.#idOf(object) === id) {
        this.#objects.set(id, object);
        return object;
      }
    // The engine goes through the whole heap for it.
    const object = objectOfHeapId(id);
    this.#objects.set(id, object);
    return object;
  }

  #idOf(object: object): number {
    let id = this.#ids.get(object);
    if (id === undefined) this.#ids.set(object, (id = Number(heapIdOf(object))));
    return id;
  }

  /** Must be called at the end: the engine follows every object that moves until then. */
  close(): void {
    releaseHeapIds();
  }
}

class HeapGraph {
  readonly #snapshot: HeapSnapshot;
  readonly #generation: number;
  readonly #nodeFields: number;
  readonly #edgeFields: number;
  readonly #positions = new Map<number, number>();
  /** For each node its first edge. */
  readonly #firstEdges: number[] = [];
  readonly #internalType: number;
  readonly #contextType: number;
  readonly #nameAt: number;
  readonly #idAt: number;
  /** Functions of one place share their scopes. */
  readonly #contexts = new Map<number, Context>();

  constructor(snapshot: HeapSnapshot, generation: number) {
    this.#snapshot = snapshot;
    this.#generation = generation;
    const { node_fields, edge_fields, edge_types } = snapshot.snapshot.meta;
    this.#nodeFields = node_fields.length;
    this.#edgeFields = edge_fields.length;
    const types = edge_types[0] as string[];
    this.#internalType = types.indexOf('internal');
    this.#contextType = types.indexOf('context');
    this.#nameAt = node_fields.indexOf('name');
    this.#idAt = node_fields.indexOf('id');
    const countAt = node_fields.indexOf('edge_count');
    let edge = 0;
    for (let at = 0; at < snapshot.nodes.length; at += this.#nodeFields) {
      this.#positions.set(snapshot.nodes[at + this.#idAt] as number, this.#firstEdges.length);
      this.#firstEdges.push(edge);
      edge += snapshot.nodes[at + countAt] as number;
    }
    this.#firstEdges.push(edge);
  }

  /** The scopes of a function, innermost first, and the id of what `this` is in them. */
  contextsOf(id: number): ContextInsight | undefined {
    const start = this.#positions.get(id);
    if (start === undefined) return undefined;
    const contexts: Context[] = [];
    let selfAt: number | undefined;
    for (
      let at = this.#follow(start, this.#internalType, 'context');
      at !== undefined;
      at = this.#follow(at, this.#internalType, 'previous')
    ) {
      const context = this.#context(at);
      contexts.push(context);
      // The nearest one counts, also where it holds a small number, to which no edge leads.
      if (context.variables.has('this')) selfAt ??= at;
    }
    const self = selfAt === undefined ? undefined : this.#follow(selfAt, this.#contextType, 'this');
    const selfId =
      self === undefined ? undefined : this.#snapshot.nodes[self * this.#nodeFields + this.#idAt];
    return { contexts, selfId };
  }

  #context(at: number): Context {
    let context = this.#contexts.get(at);
    if (context === undefined) {
      context = { name: `${this.#generation}:${at}`, variables: this.#variablesOf(at) };
      this.#contexts.set(at, context);
    }
    return context;
  }

  /** What is declared in a scope: the strings that its description refers to. */
  #variablesOf(context: number): Set<string> {
    const { nodes, strings } = this.#snapshot;
    const info = this.#follow(context, this.#internalType, 'scope_info');
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

  #follow(node: number, type: number, name: string): number | undefined {
    const { edges, strings } = this.#snapshot;
    for (let edge = this.#firstEdges[node] as number; edge < (this.#firstEdges[node + 1] as number); edge++) {
      const at = edge * this.#edgeFields;
      if (edges[at] === type && strings[edges[at + 1] as number] === name)
        return (edges[at + 2] as number) / this.#nodeFields;
    }
    return undefined;
  }
}
