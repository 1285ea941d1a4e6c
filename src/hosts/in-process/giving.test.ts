import { describe, expect, it } from 'vitest';
import { Node, SourceNode, StreamingNode, type AnyNode } from '../../node/index.js';
import { INPUT, OUTPUT } from '../../plan/index.js';
import type { Giving } from '../../slabs/index.js';
import { givingOf, type GivingGraph } from './giving.js';

class Plain extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

class Generator extends Node {
  *process(item: unknown): Iterable<unknown> {
    yield item;
  }
}

class AsyncGenerator extends Node {
  async *process(item: unknown): AsyncIterable<unknown> {
    await Promise.resolve();
    yield item;
  }
}

class Stream extends StreamingNode {
  stream(items: AsyncIterable<unknown>): AsyncIterable<unknown> {
    return items;
  }
}

class Source extends SourceNode {
  *source(): Iterable<unknown> {
    yield 1;
  }
}

const ALL: Giving = { isShared: false, canPassOn: true, canGiveAway: true };
const COPIES: Giving = { isShared: false, canPassOn: false, canGiveAway: false };
const ALLOCATED: Giving = { isShared: false, canPassOn: false, canGiveAway: true };
const ROW = ['ab', 'bc'];

interface Parts {
  readonly fed?: readonly (readonly string[])[];
  readonly isFromInside?: boolean;
  readonly out?: string;
  readonly inside?: string;
  readonly nodes?: Readonly<Record<string, AnyNode>>;
}

function graph(edges: readonly string[], parts: Parts = {}): GivingGraph {
  const { fed = [['a']], isFromInside = false, out = 'c', inside = '', nodes = {} } = parts;
  const ids: Readonly<Record<string, string>> = { I: INPUT, O: OUTPUT };
  return {
    edges: edges.map(([from = '', to = '']) => ({ from: ids[from] ?? from, to: ids[to] ?? to })),
    inputs: fed.map((to) => ({ to, isInside: isFromInside })),
    outputs: [
      ...Array.from(out).map((from) => ({ from: ids[from] ?? from, isInside: false })),
      ...Array.from(inside).map((from) => ({ from, isInside: true })),
    ],
    nodes: Object.entries(nodes),
  };
}

describe('what a channel sends in place', () => {
  it('is everything in a chain', () => {
    expect(givingOf(graph(ROW, { nodes: { a: new Plain(), b: new Plain() } }))('c')).toEqual(ALL);
  });

  it('is shared by several channels of one node', () => {
    expect(givingOf(graph(ROW, { out: 'cc' }))('c')).toEqual({ ...ALL, isShared: true });
  });

  it.each([
    [['ab', 'bc', 'ad'], {}],
    [['ab', 'bc', 'cd'], {}],
    [['ab', 'bc', 'bd', 'dc'], {}],
    [['ab', 'bc', 'cO'], {}],
    [ROW, { fed: [['a', 'b']] }],
    [ROW, { fed: [['a'], ['b', OUTPUT]] }],
    [ROW, { inside: 'c' }],
    [ROW, { isFromInside: true }],
    [ROW, { out: 'bc' }],
  ] as const)('is nothing where others here may have the same memory: %j %j', (edges, parts) => {
    expect(givingOf(graph(edges, parts))('c')).toEqual(COPIES);
  });

  it.each([new Generator(), new AsyncGenerator(), new Stream(), new Source()])(
    'is what was allocated behind a node that may give the same thing again',
    (node) => {
      expect(givingOf(graph(ROW, { nodes: { a: node } }))('c')).toEqual(ALLOCATED);
      expect(givingOf(graph(ROW, { nodes: { c: node } }))('c')).toEqual(ALLOCATED);
    },
  );

  it('is nothing of what the program gives, which stays its own', () => {
    expect(givingOf(graph([], { fed: [], out: 'I' }))(INPUT)).toEqual(COPIES);
    expect(givingOf(graph(['Ic'], { fed: [] }))('c')).toEqual(ALLOCATED);
  });
});
