import type { Host } from '../../hosts/index.js';
import { settingsOf, type AnyNode } from '../../node/index.js';
import { INPUT, leavesOf, OUTPUT, rootsOf, type Edge } from '../../plan/index.js';
import type { QueuedEdge, ResolvedNode } from './resolved.js';
import { checkRestartedQueues } from './restarts.js';

/** The type of those nodes, which no user has put into the pipeline. */
export const RELAY = '(relay)';

/** A graph of nodes that are placed. */
interface Graph {
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly QueuedEdge[];
}

/**
 * Puts a node of this process between one whose host may be started again and one of any other host, or an end of the pipeline elsewhere:
 * what is on its way to the first is kept here, and what has come from it is safe here.
 *
 * @param here - this process
 * @param ends - where the input comes from and the outputs go
 */
export function withRelays({ nodes, edges }: Graph, here: Host, ends: Host): Graph {
  const restarted = new Set(nodes.filter(isRestarted).map(({ id }) => id));
  if (restarted.size === 0) return { nodes, edges };
  for (const id of restarted) checkRestartedQueues(id, edges);
  const places = new Map(nodes.map(({ id, placement }) => [id, placement]));
  const relays: ResolvedNode[] = [];
  /** Nothing where the edge needs none. */
  const relay = ({ from, to }: Edge): string | undefined => {
    const [before, after] = [places.get(from) ?? ends, places.get(to) ?? ends];
    if (!restarted.has(from) && !restarted.has(to)) return undefined;
    if (before === here || after === here) return undefined;
    const id = freshId(`${from}→${to}`, nodes);
    // Between two Python hosts it need not be able to read what it gives on.
    relays.push(relayOf(id, here, before.language === 'python' && after.language === 'python'));
    return id;
  };
  const relayed = edges.flatMap((edge): QueuedEdge[] => {
    const id = relay(edge);
    if (id === undefined) return [edge];
    return [
      { from: edge.from, to: id },
      { ...edge, from: id },
    ];
  });
  const graph = { ids: nodes.map(({ id }) => id), edges };
  // The plan connects the ends of the pipeline with what comes first and last.
  for (const to of rootsOf(graph)) {
    const id = relay({ from: INPUT, to });
    if (id !== undefined) relayed.push({ from: id, to });
  }
  for (const from of leavesOf(graph)) {
    const id = relay({ from, to: OUTPUT });
    if (id !== undefined) relayed.push({ from, to: id });
  }
  return { nodes: [...nodes, ...relays], edges: relayed };
}

function isRestarted({ id, node }: ResolvedNode): boolean {
  return settingsOf(node, id).restart !== undefined;
}

function relayOf(id: string, here: Host, isSealed: boolean): ResolvedNode {
  const node: AnyNode = { initialize: () => undefined, process: (item: unknown) => item };
  return {
    id,
    node,
    type: RELAY,
    placement: here,
    host: here.name,
    why: 'keeps what a host has got that may be started again',
    isSource: false,
    isSealed,
  };
}

function freshId(wanted: string, nodes: readonly ResolvedNode[]): string {
  let id = wanted;
  while (nodes.some((node) => node.id === id)) id += "'";
  return id;
}
