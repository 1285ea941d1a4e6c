import { types } from 'node:util';
import { roleOf, type AnyNode } from '../../node/index.js';
import { INPUT, type Edge } from '../../plan/index.js';
import type { Giving } from '../../slabs/index.js';

/** A segment as far as memory travels through it. */
export interface GivingGraph {
  readonly edges: readonly Edge[];
  /** The channels that come in. */
  readonly inputs: readonly { readonly to: readonly string[]; readonly isInside: boolean }[];
  /** The channels that go out. */
  readonly outputs: readonly { readonly from: string; readonly isInside: boolean }[];
  readonly nodes: Iterable<readonly [id: string, node: AnyNode]>;
}

/**
 * What may be sent in place of the outputs of an id.
 *
 * Whoever gets shared memory may write to it. So it is only sent where nobody in this process can still have it: not behind a fan-out to
 * nodes here, not where it is the program's own, and not out of a generator, which may give the same array once more.
 */
export function givingOf({ edges, inputs, outputs, nodes }: GivingGraph): (id: string) => Giving {
  const inner = countOf([...edges, ...outputs.filter(({ isInside }) => isInside)]);
  const outer = countOf(outputs.filter(({ isInside }) => !isInside));
  const branching = new Set([...inner].filter(([id, count]) => count + (outer.get(id) ?? 0) > 1).map(idOf));
  const branched = [
    ...edges.filter(({ from }) => branching.has(from)).map(({ to }) => to),
    // What comes from another segment of this process others here may have as well.
    ...inputs.filter(({ to, isInside }) => isInside || to.length > 1).flatMap(({ to }) => to),
  ];
  const elsewhere = downstream(edges, [...branching, ...branched]);
  const repeating = [...nodes].filter(([, node]) => canRepeat(node)).map(idOf);
  const kept = downstream(edges, [INPUT, ...repeating]);
  return (id) => {
    const canGiveAway = !elsewhere.has(id) && id !== INPUT;
    const isShared = (outer.get(id) ?? 0) > 1;
    return { isShared, canPassOn: canGiveAway && !kept.has(id), canGiveAway };
  };
}

/** Whether it goes on after an output, and so may give the same one again. */
function canRepeat(node: AnyNode): boolean {
  return roleOf(node) !== 'process' || types.isGeneratorFunction(node.process);
}

function countOf(edges: readonly { readonly from: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { from } of edges) counts.set(from, (counts.get(from) ?? 0) + 1);
  return counts;
}

function idOf([id]: readonly [string, unknown]): string {
  return id;
}

/** These ids and all behind them. */
function downstream(edges: readonly Edge[], ids: readonly string[]): Set<string> {
  const found = new Set(ids);
  // What is added while this goes on is visited as well.
  for (const id of found) for (const { from, to } of edges) if (from === id) found.add(to);
  return found;
}
