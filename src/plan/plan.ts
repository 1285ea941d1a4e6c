import { GraphError } from '../errors/index.js';
import { leavesOf, rootsOf, successorsOf, topologicalOrder, type Edge } from './graph.js';

/** Id of the stage that stands for the pipeline's input. */
export const INPUT = '(input)';
/** Id of the stage that stands for the pipeline's output. */
export const OUTPUT = '(output)';

/** A node as the planner sees it. */
export interface PlannedNode {
  /** Unique in the plan; `(input)` and `(output)` stand for the ends of the pipeline. */
  readonly id: string;
  /** Name of its class or node type. */
  readonly type: string;
  /** Name of the host in which it runs. */
  readonly host: string;
  /** Why it runs there. */
  readonly why: string;
  /** Whether it gives items without an input. */
  readonly isSource: boolean;
}

/** What is planned: nodes with their places, and edges. */
export interface PlanRequest {
  readonly name: string;
  /** Name of the host where the inputs come from and the outputs go. */
  readonly driver: string;
  readonly nodes: readonly PlannedNode[];
  readonly edges: readonly Edge[];
}

/** Nodes of one host that run as one loop. */
export interface Segment {
  /** Unique in the plan, in the order of the segments: `s0`, `s1`, … */
  readonly id: string;
  /** Name of the host in which it runs; `in-process` is the program itself. */
  readonly host: string;
  /** Ids in topological order; `(input)` and `(output)`, the ends of the pipeline, among them. */
  readonly nodes: readonly string[];
  /** Edges between these nodes. */
  readonly edges: readonly Edge[];
  /** Why these nodes run here. */
  readonly why: string;
}

/** An edge between two segments: what one node gives, for one or more nodes of another segment. */
export interface Channel {
  /** Unique in the plan: `c0`, `c1`, … */
  readonly id: string;
  /** Id of the node, or `(input)`, whose outputs it carries. */
  readonly from: string;
  /** Id of the segment that holds `from`. */
  readonly fromSegment: string;
  /** Ids of all that get them, nodes or `(output)`: an item crosses once for all of these. */
  readonly to: readonly string[];
  /** Id of the one segment that holds all of `to`. */
  readonly toSegment: string;
}

/** Which segment runs where, and how they are connected. */
export interface Plan {
  /** Name of the pipeline. */
  readonly name: string;
  /** In topological order. */
  readonly segments: readonly Segment[];
  /** Edges that cross from one segment to another; those inside are in {@link Segment.edges}. */
  readonly channels: readonly Channel[];
  /** In the order of the pipeline, `(output)` last, and `(input)` first where a node takes the input. */
  readonly nodes: readonly PlannedNode[];
}

/**
 * Cuts a graph into segments: where the host changes, and nowhere else, unless joining two parts of one host would make two segments
 * wait for each other. A pure function.
 *
 * @throws GraphError `RM_INVALID_GRAPH` where the graph cannot run.
 */
export function planSegments(request: PlanRequest): Plan {
  const graph = withEnds(request);
  const hostOf = new Map(graph.nodes.map((node) => [node.id, node.host]));
  const groups = joinNeighbours(graph.order, graph.edges, hostOf);
  const groupOrder = orderGroups(groups, graph.order, graph.edges);
  const whys = new Map(graph.nodes.map((node) => [node.id, node.why]));
  const segments = groupOrder.map((members, index): Segment => {
    const inside = new Set(members);
    return {
      id: `s${String(index)}`,
      host: hostOf.get(members[0] ?? '') ?? '',
      nodes: members,
      edges: graph.edges.filter((edge) => inside.has(edge.from) && inside.has(edge.to)),
      why: [...new Set(members.map((id) => whys.get(id) ?? ''))].join('; '),
    };
  });
  return {
    name: request.name,
    segments,
    channels: channelsBetween(segments, graph.edges),
    nodes: graph.nodes,
  };
}

interface GraphWithEnds {
  readonly nodes: readonly PlannedNode[];
  readonly edges: readonly Edge[];
  readonly order: readonly string[];
}

function withEnds({ driver, nodes, edges }: PlanRequest): GraphWithEnds {
  const ids = nodes.map((node) => node.id);
  checkReserved(ids);
  const order = topologicalOrder({ ids, edges });
  const sources = new Set(nodes.filter((node) => node.isSource).map((node) => node.id));
  for (const [index, { to }] of edges.entries()) {
    if (!sources.has(to)) continue;
    const path = `connections[${String(index)}].to`;
    throw new GraphError(
      `${path}: "${to}" is a source node and takes no input. Connect nothing to it.`,
      path,
    );
  }
  const fed = rootsOf({ ids, edges }).filter((id) => !sources.has(id));
  const end = (id: string, why: string): PlannedNode => ({
    id,
    type: id,
    host: driver,
    why,
    isSource: false,
  });
  const input = fed.length === 0 ? [] : [end(INPUT, 'the input comes from the program')];
  return {
    nodes: [...input, ...nodes, end(OUTPUT, 'the outputs go to the program')],
    edges: [
      ...fed.map((to) => ({ from: INPUT, to })),
      ...edges,
      ...leavesOf({ ids, edges }).map((from) => ({ from, to: OUTPUT })),
    ],
    order: [...input.map((node) => node.id), ...order, OUTPUT],
  };
}

function checkReserved(ids: readonly string[]): void {
  const index = ids.findIndex((id) => id === INPUT || id === OUTPUT);
  if (index < 0) return;
  const path = `nodes[${String(index)}].id`;
  throw new GraphError(
    `${path}: "${ids[index] ?? ''}" stands for an end of the pipeline. Give the node another id.`,
    path,
  );
}

/** Joins nodes of one host along the edges as long as no cycle between groups arises; gives each id its group. */
function joinNeighbours(
  order: readonly string[],
  edges: readonly Edge[],
  hostOf: ReadonlyMap<string, string>,
): Map<string, number> {
  if (new Set(hostOf.values()).size === 1) return new Map(order.map((id) => [id, 0]));
  const position = new Map(order.map((id, index) => [id, index]));
  const groups = new GroupGraph(order, edges);
  const inOrder = [...edges].sort((a, b) => (position.get(a.to) ?? 0) - (position.get(b.to) ?? 0));
  for (const { from, to } of inOrder) {
    const [source, target] = [groups.groupOf.get(from) ?? -1, groups.groupOf.get(to) ?? -1];
    if (source === target || hostOf.get(from) !== hostOf.get(to)) continue;
    if (!groups.leadsThroughOthers(source, target)) groups.join(source, target);
  }
  return groups.groupOf;
}

/** Groups of nodes, at first one for each node, and which of them lead to which. */
class GroupGraph {
  readonly groupOf: Map<string, number>;
  readonly #members: string[][];
  readonly #successors: Set<number>[];
  readonly #predecessors: Set<number>[];

  constructor(ids: readonly string[], edges: readonly Edge[]) {
    this.groupOf = new Map(ids.map((id, index) => [id, index]));
    this.#members = ids.map((id) => [id]);
    this.#successors = ids.map(() => new Set());
    this.#predecessors = ids.map(() => new Set());
    for (const [from, targets] of groupSuccessors(this.groupOf, edges))
      for (const to of targets) this.#connect(from, to);
  }

  /** Whether a path leads from one group to another by way of a third. */
  leadsThroughOthers(source: number, target: number): boolean {
    const pending = [...this.#successorsOf(source)].filter((group) => group !== target);
    const seen = new Set(pending);
    for (let group = pending.pop(); group !== undefined; group = pending.pop()) {
      for (const next of this.#successorsOf(group)) {
        if (next === target) return true;
        if (seen.has(next)) continue;
        seen.add(next);
        pending.push(next);
      }
    }
    return false;
  }

  /** Makes one group of two; it keeps the name of the first. */
  join(first: number, second: number): void {
    for (const id of this.#members[second] ?? []) {
      this.groupOf.set(id, first);
      this.#members[first]?.push(id);
    }
    for (const next of this.#successorsOf(second)) {
      this.#predecessors[next]?.delete(second);
      if (next !== first) this.#connect(first, next);
    }
    for (const previous of this.#predecessors[second] ?? []) {
      this.#successors[previous]?.delete(second);
      if (previous !== first) this.#connect(previous, first);
    }
  }

  #successorsOf(group: number): ReadonlySet<number> {
    return this.#successors[group] ?? new Set();
  }

  #connect(from: number, to: number): void {
    this.#successors[from]?.add(to);
    this.#predecessors[to]?.add(from);
  }
}

function groupSuccessors(
  groupOf: ReadonlyMap<string, number>,
  edges: readonly Edge[],
): Map<number, Set<number>> {
  const successors = new Map<number, Set<number>>();
  for (const { from, to } of edges) {
    const [source, target] = [groupOf.get(from) ?? -1, groupOf.get(to) ?? -1];
    if (source === target) continue;
    let targets = successors.get(source);
    if (targets === undefined) successors.set(source, (targets = new Set()));
    targets.add(target);
  }
  return successors;
}

/** The groups in topological order, each with its ids in topological order. */
function orderGroups(
  groupOf: ReadonlyMap<string, number>,
  order: readonly string[],
  edges: readonly Edge[],
): string[][] {
  const members = new Map<number, string[]>();
  for (const id of order) {
    const group = groupOf.get(id) ?? -1;
    const ids = members.get(group);
    if (ids === undefined) members.set(group, [id]);
    else ids.push(id);
  }
  const name = (group: number): string => String(group);
  const groupEdges = [...groupSuccessors(groupOf, edges)].flatMap(([from, targets]) =>
    [...targets].map((to) => ({ from: name(from), to: name(to) })),
  );
  const sorted = topologicalOrder({ ids: [...members.keys()].map(name), edges: groupEdges });
  return sorted.map((group) => members.get(Number(group)) ?? []);
}

function channelsBetween(segments: readonly Segment[], edges: readonly Edge[]): Channel[] {
  const segmentOf = new Map(
    segments.flatMap((segment) => segment.nodes.map((id) => [id, segment.id] as const)),
  );
  const successors = successorsOf({ ids: [...segmentOf.keys()], edges });
  const channels: Channel[] = [];
  for (const [from, targets] of successors) {
    const fromSegment = segmentOf.get(from) ?? '';
    const bySegment = new Map<string, string[]>();
    for (const to of targets) {
      const toSegment = segmentOf.get(to) ?? '';
      if (toSegment !== fromSegment) bySegment.set(toSegment, [...(bySegment.get(toSegment) ?? []), to]);
    }
    for (const [toSegment, to] of bySegment) {
      channels.push({ id: `c${String(channels.length)}`, from, fromSegment, to, toSegment });
    }
  }
  return channels;
}
