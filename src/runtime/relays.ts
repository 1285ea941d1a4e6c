import type { Host } from '../hosts/index.js';
import { settingsOf, type AnyNode } from '../node/index.js';
import type { Edge } from '../plan/index.js';
import type { ResolvedNode } from './resolved.js';

/** The type of those nodes, which no user has put into the pipeline. */
export const RELAY = '(relay)';

/** A graph of nodes that are placed. */
interface Graph {
  readonly nodes: readonly ResolvedNode[];
  readonly edges: readonly Edge[];
}

/**
 * Puts a node of this program between one whose host may be started again and one of any other host: what is on its way to the first is kept
 * here, and what has come from it is safe here.
 *
 * @param driver - this program; of another driver's pipeline the graph is given back as it is
 */
export function withRelays({ nodes, edges }: Graph, driver: Host): Graph {
  const restarted = new Set(nodes.filter(isRestarted).map(({ id }) => id));
  if (restarted.size === 0 || driver.name !== 'in-process') return { nodes, edges };
  const away = new Set(nodes.filter(({ placement }) => placement !== driver).map(({ id }) => id));
  const relays = new Map<string, ResolvedNode>();
  const relayed = edges.flatMap((edge): Edge[] => {
    const isBetween = away.has(edge.from) && away.has(edge.to);
    if (!isBetween || !(restarted.has(edge.from) || restarted.has(edge.to))) return [edge];
    const id = freshId(`${edge.from}→${edge.to}`, nodes);
    relays.set(id, relayOf(id, driver));
    return [
      { from: edge.from, to: id },
      { from: id, to: edge.to },
    ];
  });
  return { nodes: [...nodes, ...relays.values()], edges: relayed };
}

function isRestarted({ id, node }: ResolvedNode): boolean {
  return settingsOf(node, id).restart !== undefined;
}

function relayOf(id: string, driver: Host): ResolvedNode {
  const node: AnyNode = { initialize: () => undefined, process: (item: unknown) => item };
  return {
    id,
    node,
    type: RELAY,
    placement: driver,
    host: driver.name,
    why: 'keeps what a host has got that may be started again',
    isSource: false,
  };
}

function freshId(wanted: string, nodes: readonly ResolvedNode[]): string {
  let id = wanted;
  while (nodes.some((node) => node.id === id)) id += "'";
  return id;
}
