import { GraphError } from '../errors/index.js';

/** An edge from one node to another, by their ids. */
export interface Edge {
  /** Id of the node that gives. */
  readonly from: string;
  /** Id of the node that takes. */
  readonly to: string;
}

/** A directed graph of node ids. */
export interface Graph {
  /** Ids in the order in which the user listed the nodes. */
  readonly ids: readonly string[];
  readonly edges: readonly Edge[];
}

/** The edges of a chain in list order. */
export function chainEdges(ids: readonly string[]): Edge[] {
  return ids.slice(1).map((to, index) => ({ from: ids[index] as string, to }));
}

/** Ids of nodes that nothing leads to. */
export function rootsOf({ ids, edges }: Graph): string[] {
  const reached = new Set(edges.map((edge) => edge.to));
  return ids.filter((id) => !reached.has(id));
}

/** Ids of nodes that lead to nothing. */
export function leavesOf({ ids, edges }: Graph): string[] {
  const leading = new Set(edges.map((edge) => edge.from));
  return ids.filter((id) => !leading.has(id));
}

/** For each id the ids that it leads to, in the order of the edges. */
export function successorsOf({ ids, edges }: Graph): Map<string, string[]> {
  const successors = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const { from, to } of edges) successors.get(from)?.push(to);
  return successors;
}

/**
 * Checks that a graph can run, and gives its ids in topological order; among those that could come next, the one listed first.
 *
 * @throws GraphError `RM_INVALID_GRAPH` for unknown and duplicate ids, doubled connections, cycles and nodes that nothing connects.
 */
export function topologicalOrder(graph: Graph): string[] {
  checkIds(graph);
  checkEdges(graph);
  const waitingFor = new Map<string, number>(graph.ids.map((id) => [id, 0]));
  for (const { to } of graph.edges) waitingFor.set(to, (waitingFor.get(to) ?? 0) + 1);
  const successors = successorsOf(graph);
  const position = new Map(graph.ids.map((id, index) => [id, index]));
  const ready = graph.ids.filter((id) => waitingFor.get(id) === 0);
  const order: string[] = [];
  for (let id = ready.shift(); id !== undefined; id = ready.shift()) {
    order.push(id);
    let isSorted = true;
    for (const next of successors.get(id) ?? []) {
      const count = (waitingFor.get(next) ?? 0) - 1;
      waitingFor.set(next, count);
      if (count === 0) {
        ready.push(next);
        isSorted = ready.length === 1;
      }
    }
    if (!isSorted) ready.sort((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
  }
  if (order.length < graph.ids.length) throw cycleError(graph, new Set(order));
  checkConnected(graph);
  return order;
}

function checkIds({ ids }: Graph): void {
  const seen = new Map<string, number>();
  for (const [index, id] of ids.entries()) {
    const first = seen.get(id);
    if (first !== undefined) {
      throw new GraphError(
        `nodes[${String(index)}].id: "${id}" is already the id of nodes[${String(first)}]. Give every node an id of its own.`,
        `nodes[${String(index)}].id`,
      );
    }
    seen.set(id, index);
  }
}

function checkEdges({ ids, edges }: Graph): void {
  const known = new Set(ids);
  const seen = new Map<string, number>();
  for (const [index, edge] of edges.entries()) {
    for (const end of ['from', 'to'] as const) {
      if (known.has(edge[end])) continue;
      const path = `connections[${String(index)}].${end}`;
      throw new GraphError(
        `${path}: there is no node "${edge[end]}". Its nodes are ${ids.map((id) => `"${id}"`).join(', ')}.`,
        path,
      );
    }
    const key = JSON.stringify([edge.from, edge.to]);
    const first = seen.get(key);
    if (first !== undefined) {
      const path = `connections[${String(index)}]`;
      throw new GraphError(
        `${path}: "${edge.from}" is already connected to "${edge.to}" by connections[${String(first)}].`,
        path,
      );
    }
    seen.set(key, index);
  }
}

function checkConnected({ ids, edges }: Graph): void {
  if (ids.length < 2) return;
  const connected = new Set(edges.flatMap((edge) => [edge.from, edge.to]));
  const index = ids.findIndex((id) => !connected.has(id));
  if (index < 0) return;
  const path = `nodes[${String(index)}]`;
  throw new GraphError(
    `${path}: "${ids[index] ?? ''}" is unreachable, no connection names it. Connect it or leave it out.`,
    path,
  );
}

function cycleError(graph: Graph, ordered: ReadonlySet<string>): GraphError {
  const predecessors = new Map<string, string>();
  for (const { from, to } of graph.edges)
    if (!ordered.has(from) && !ordered.has(to)) predecessors.set(to, from);
  const start = graph.ids.find((id) => predecessors.has(id)) ?? '';
  const path = [start];
  const seen = new Set(path);
  for (let id = predecessors.get(start); id !== undefined; id = predecessors.get(id)) {
    path.unshift(id);
    if (seen.has(id)) break;
    seen.add(id);
  }
  const cycle = path.slice(0, path.indexOf(path[0] ?? '', 1) + 1);
  const last = graph.edges.findIndex((edge) => edge.from === cycle.at(-2) && edge.to === cycle.at(-1));
  const place = `connections[${String(last)}]`;
  return new GraphError(
    `${place}: the connections form a cycle, ${cycle.map((id) => `"${id}"`).join(' → ')}. Take one of them out.`,
    place,
  );
}
