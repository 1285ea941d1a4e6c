import type { Plan } from '../../plan/index.js';
import type { NodeInputs } from '../../segment/index.js';
import type { ResolvedPipeline } from '../resolve/resolved.js';

/** What comes before each node whose inputs are brought together or have queues of their own, in the order of the connections. */
export function joinedInputs({ nodes, edges }: ResolvedPipeline, plan: Plan): Map<string, NodeInputs> {
  const queued = new Set(edges.filter(({ queue }) => queue !== undefined).map(({ to }) => to));
  const joining = nodes.filter(
    ({ id, node }) => queued.has(id) || (node.fanIn !== undefined && node.fanIn !== 'merge'),
  );
  if (joining.length === 0) return new Map();
  const stated = edges.map(({ from, to }): [string, string] => [from, to]);
  const planned = [
    ...plan.segments.flatMap(({ edges: inside }) =>
      inside.map(({ from, to }): [string, string] => [from, to]),
    ),
    ...plan.channels.flatMap(({ from, to }) => to.map((id): [string, string] => [from, id])),
  ];
  // The ends of the pipeline are connected by the plan alone.
  const before = (id: string): string[] => [
    ...new Set([...stated, ...planned].filter(([, to]) => to === id).map(([from]) => from)),
  ];
  const queuesOf = (id: string): NodeInputs['queues'] =>
    new Map(
      edges.flatMap(({ from, to, queue }) => (to === id && queue !== undefined ? [[from, queue]] : [])),
    );
  return new Map(
    joining.map(({ id }) => {
      const ids = before(id);
      return [id, { ids, isForked: isForked(ids, before), queues: queuesOf(id) }];
    }),
  );
}

/** Whether two of these come from the same node, or one from the other. */
function isForked(ids: readonly string[], before: (id: string) => readonly string[]): boolean {
  const seen = new Set<string>();
  for (const id of ids) {
    const ancestors = new Set([id]);
    for (const each of ancestors) for (const earlier of before(each)) ancestors.add(earlier);
    for (const each of ancestors) {
      if (seen.has(each)) return true;
      seen.add(each);
    }
  }
  return false;
}
