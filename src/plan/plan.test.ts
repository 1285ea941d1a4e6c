import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphError } from '../errors/index.js';
import {
  chainEdges,
  INPUT,
  OUTPUT,
  planSegments,
  planToMermaid,
  planToText,
  topologicalOrder,
  type Edge,
  type Plan,
} from './index.js';

/** Nodes as `id@host`, a source as `*id@host`; edges as `a>b`. Without edges the nodes are a chain. */
function plan(nodeList: string, edgeList?: string): Plan {
  const nodes = words(nodeList).map((word) => {
    const [name = '', host = 'ts'] = word.split('@');
    const isSource = name.startsWith('*');
    const id = isSource ? name.slice(1) : name;
    return { id, type: id.toUpperCase(), host, why: `${host} objects`, isSource };
  });
  const edges = edgeList === undefined ? chainEdges(nodes.map(({ id }) => id)) : words(edgeList).map(edgeOf);
  return planSegments({ name: 'test', driver: 'ts', nodes, edges });
}

function words(list: string): string[] {
  return list.split(' ').filter((word) => word !== '');
}

function edgeOf(word: string): Edge {
  const [from = '', to = ''] = word.split('>');
  return { from, to };
}

/** Segments as `host: nodes`, channels as `from>to+to`, with ` → segment` of the consumer. */
function shape({ segments, channels }: Plan): { segments: string[]; channels: string[] } {
  return {
    segments: segments.map(({ host, nodes }) => `${host}: ${nodes.join(' ')}`),
    channels: channels.map(
      ({ from, fromSegment, to, toSegment }) => `${fromSegment} ${from}>${to.join('+')} ${toSegment}`,
    ),
  };
}

function errorOf(run: () => unknown): GraphError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(GraphError);
    return error as GraphError;
  }
  throw new Error('nothing was thrown');
}

describe('planSegments', () => {
  test.each([
    { what: 'one node', nodes: 'a', segments: ['ts: (input) a (output)'], channels: [] },
    { what: 'a chain in one host', nodes: 'a b c', segments: ['ts: (input) a b c (output)'], channels: [] },
    {
      what: 'a source takes no input',
      nodes: '*a b',
      segments: ['ts: a b (output)'],
      channels: [],
    },
    {
      what: 'a chain that changes the host',
      nodes: 'a b@py c@py d',
      segments: ['ts: (input) a', 'py: b c', 'ts: d (output)'],
      channels: ['s0 a>b s1', 's1 c>d s2'],
    },
    {
      what: 'a chain in another host',
      nodes: 'a@py b@py',
      segments: ['ts: (input)', 'py: a b', 'ts: (output)'],
      channels: ['s0 (input)>a s1', 's1 b>(output) s2'],
    },
    {
      what: 'two hosts in a row',
      nodes: 'a@py b@worker c',
      segments: ['ts: (input)', 'py: a', 'worker: b', 'ts: c (output)'],
      channels: ['s0 (input)>a s1', 's1 a>b s2', 's2 b>c s3'],
    },
    {
      what: 'a fan-out that stays inside one host',
      nodes: 'a b c',
      edges: 'a>b a>c',
      segments: ['ts: (input) a b c (output)'],
      channels: [],
    },
    {
      what: 'a fan-out to two nodes of another segment is one channel',
      nodes: 'a b@py c@py d@py',
      edges: 'a>b a>c b>d c>d',
      segments: ['ts: (input) a', 'py: b c d', 'ts: (output)'],
      channels: ['s0 a>b+c s1', 's1 d>(output) s2'],
    },
    {
      what: 'a diamond with one arm in another host: the merge cannot join the branch without waiting for itself',
      nodes: 'a b@py c d',
      edges: 'a>b a>c b>d c>d',
      segments: ['ts: (input) a c', 'py: b', 'ts: d (output)'],
      channels: ['s0 a>b s1', 's0 c>d s2', 's1 b>d s2'],
    },
    {
      what: 'a shortcut around another host',
      nodes: 'a b@py c',
      edges: 'a>b b>c a>c',
      segments: ['ts: (input) a', 'py: b', 'ts: c (output)'],
      channels: ['s0 a>b s1', 's0 a>c s2', 's1 b>c s2'],
    },
    {
      what: 'two diamonds that cross: not both sides can join',
      nodes: 'a b@py c@py d',
      edges: 'a>c b>d a>d b>c',
      segments: ['ts: (input) a', 'py: b c', 'ts: d (output)'],
      channels: ['s0 (input)>b s1', 's0 a>c s1', 's0 a>d s2', 's1 b>d s2', 's1 c>(output) s2'],
    },
    {
      what: 'several roots and leaves',
      nodes: 'a b c d',
      edges: 'a>c b>c b>d',
      segments: ['ts: (input) a b c d (output)'],
      channels: [],
    },
    {
      what: 'a source beside a node that takes the input',
      nodes: '*a@py b c',
      edges: 'a>c b>c',
      segments: ['py: a', 'ts: (input) b c (output)'],
      channels: ['s0 a>c s1'],
    },
  ])('$what', ({ nodes, edges, segments, channels }) => {
    expect(shape(plan(nodes, edges))).toEqual({ segments, channels });
  });

  test('says why each segment runs where it does, each reason once', () => {
    const { segments } = plan('a b@py c@py');
    expect(segments.map(({ why }) => why)).toEqual([
      'the input comes from the program; ts objects',
      'py objects',
      'the outputs go to the program',
    ]);
  });

  test.each([
    ['a b a', undefined, 'nodes[2].id', '"a" is already the id of nodes[0]'],
    ['a b', 'a>c', 'connections[0].to', 'there is no node "c". Its nodes are "a", "b".'],
    ['a b', 'a>b x>b', 'connections[1].from', 'there is no node "x"'],
    ['a b', 'a>b a>b', 'connections[1]', 'already connected to "b" by connections[0]'],
    ['a b c', 'a>b', 'nodes[2]', '"c" is unreachable'],
    ['a', 'a>a', 'connections[0]', 'form a cycle, "a" → "a"'],
    ['a b', 'a>b b>a', 'connections[1]', 'form a cycle, "a" → "b" → "a"'],
    ['a b c d', 'd>a a>b b>c c>b', 'connections[3]', 'form a cycle, "b" → "c" → "b"'],
    ['a b c d', 'a>b b>c c>a c>d', 'connections[2]', 'form a cycle, "a" → "b" → "c" → "a"'],
    ['a *b', 'a>b', 'connections[0].to', '"b" is a source node and takes no input'],
    ['a (input)', 'a>(input)', 'nodes[1].id', 'stands for an end of the pipeline'],
    ['(output)', undefined, 'nodes[0].id', 'stands for an end of the pipeline'],
  ])('refuses %s with %s', (nodes, edges, path, message) => {
    const error = errorOf(() => plan(nodes, edges));
    expect(error).toMatchObject({ code: 'RM_INVALID_GRAPH', path });
    expect(error.message).toContain(message);
    expect(error.message.startsWith(path)).toBe(true);
  });

  test('a cycle is named by edges that are there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(edgePairs(6), { selector: String, minLength: 1 }), (pairs) => {
        const ids = [...new Set(pairs.flat())].map(String);
        const edges = pairs.map(([from, to]) => ({ from: String(from), to: String(to) }));
        try {
          topologicalOrder({ ids, edges });
        } catch (error) {
          const named = [...(error as GraphError).message.matchAll(/"(\d)"/g)].map((match) => match[1]);
          expect(named.length).toBeGreaterThan(1);
          expect(named.at(0)).toBe(named.at(-1));
          for (const [index, to] of named.slice(1).entries())
            expect(edges).toContainEqual({ from: named[index], to });
        }
      }),
    );
  });

  test('plans 1,000 nodes that alternate between hosts, and 10,000 edges, in a second of work', () => {
    const ids = Array.from({ length: 1000 }, (_, index) => String(index));
    const edges = ids.flatMap((from, index) =>
      Array.from({ length: 10 }, (_, far) => ({ from, to: String(index + 1 + far * far) })).filter(
        ({ to }) => Number(to) < ids.length,
      ),
    );
    const nodes = ids.map((id, index) => ({
      id,
      type: 'T',
      host: `h${index % 3}`,
      why: '',
      isSource: false,
    }));
    const start = process.cpuUsage();
    const planned = planSegments({ name: 'large', driver: 'h0', nodes, edges });
    expect(process.cpuUsage(start).user).toBeLessThan(1e6);
    expectSound(planned, edges);
  });

  test('any graph over any hosts is cut soundly, and no further than needed', () => {
    fc.assert(
      fc.property(graphs(), ({ hosts, edges }) => {
        const nodes = hosts.map((host, index) => ({
          id: String(index),
          type: 'T',
          host,
          why: '',
          isSource: false,
        }));
        expectSound(planSegments({ name: 'random', driver: 'h0', nodes, edges }), edges);
      }),
      { numRuns: 500 },
    );
  });
});

function edgePairs(count: number): fc.Arbitrary<[number, number]> {
  const id = fc.nat({ max: count - 1 });
  return fc.tuple(id, id);
}

/** Acyclic graphs without lone nodes, their hosts among three. */
function graphs(): fc.Arbitrary<{ hosts: string[]; edges: Edge[] }> {
  return fc.integer({ min: 2, max: 14 }).chain((count) =>
    fc.record({
      hosts: fc.array(fc.constantFrom('h0', 'h1', 'h2'), { minLength: count, maxLength: count }),
      edges: fc.uniqueArray(edgePairs(count), { selector: String, maxLength: 40 }).map((pairs) => {
        const edges = pairs.flatMap(([a, b]) => (a < b ? [[a, b] as const] : []));
        const known = new Set(edges.flat());
        for (let lone = 0; lone < count; lone++) {
          if (known.has(lone)) continue;
          edges.push(lone === 0 ? [0, 1] : [lone - 1, lone]);
          known.add(lone).add(lone === 0 ? 1 : lone - 1);
        }
        return edges.map(([from, to]) => ({ from: String(from), to: String(to) }));
      }),
    }),
  );
}

function expectSound({ nodes, segments, channels }: Plan, given: readonly Edge[]): void {
  const segmentOf = new Map(segments.flatMap(({ id, nodes: ids }) => ids.map((node) => [node, id])));
  const placed = segments.flatMap(({ nodes: ids }) => ids);
  expect(placed.toSorted()).toEqual(nodes.map(({ id }) => id).toSorted());
  const hostOf = new Map(nodes.map(({ id, host }) => [id, host]));
  for (const { host, nodes: ids } of segments)
    expect(new Set(ids.map((id) => hostOf.get(id)))).toEqual(new Set([host]));

  const across = channels.flatMap(({ from, to }) => to.map((target) => `${from}>${target}`));
  const inside = segments.flatMap(({ edges }) => edges.map(({ from, to }) => `${from}>${to}`));
  const all = [...across, ...inside];
  expect(new Set(all).size).toBe(all.length);
  for (const { from, to } of given) expect(all).toContain(`${from}>${to}`);
  const ends = all.length - given.length;
  expect(all.filter((edge) => edge.includes(INPUT) || edge.includes(OUTPUT))).toHaveLength(ends);
  const pairs = channels.map(({ from, toSegment }) => `${from}>${toSegment}`);
  expect(new Set(pairs).size, 'one channel per producer and segment').toBe(pairs.length);

  const quotient = channels.map(({ fromSegment, toSegment }) => ({ from: fromSegment, to: toSegment }));
  for (const { from, to } of quotient) expect(from).not.toBe(to);
  const order = new Map(segments.map(({ id }, index) => [id, index]));
  for (const { from, to } of quotient) expect(order.get(from)).toBeLessThan(order.get(to)!);

  const hostOfSegment = new Map(segments.map(({ id, host }) => [id, host]));
  for (const { from, to } of quotient) {
    if (hostOfSegment.get(from) !== hostOfSegment.get(to)) continue;
    expect(leadsAround(from, to, quotient), `${from} and ${to} could be one`).toBe(true);
  }
  for (const { id, nodes: ids } of segments) for (const node of ids) expect(segmentOf.get(node)).toBe(id);
}

/** Whether a path of at least two edges leads from one to the other. */
function leadsAround(start: string, goal: string, edges: readonly Edge[]): boolean {
  const seen = new Set<string>();
  const pending = edges.filter(({ from, to }) => from === start && to !== goal).map(({ to }) => to);
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (at === goal) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    for (const { from, to } of edges) if (from === at) pending.push(to);
  }
  return false;
}

describe('a plan in print', () => {
  const mixed = plan('a b@py c@py d "#', 'a>b a>c b>d c>d d>"#');

  test('as text', () => {
    expect(planToText(mixed)).toMatchInlineSnapshot(`
      "test: 4 segments, 4 channels

      s0  runs in ts: the input comes from the program; ts objects
          (input)
          a  (A)
          a → s1: b  (channel c0)
          a → s2: c  (channel c1)

      s1  runs in py: py objects
          b  (B)
          b → s3: d  (channel c2)

      s2  runs in py: py objects
          c  (C)
          c → s3: d  (channel c3)

      s3  runs in ts: ts objects; the outputs go to the program
          d  (D)
          "#
          (output)
      "
    `);
  });

  test('as a Mermaid flowchart', () => {
    expect(planToMermaid(mixed)).toMatchInlineSnapshot(`
      "flowchart LR
        subgraph s0["s0: ts"]
          n0["(input)"]
          n1["a"]
        end
        subgraph s1["s1: py"]
          n2["b"]
        end
        subgraph s2["s2: py"]
          n3["c"]
        end
        subgraph s3["s3: ts"]
          n4["d"]
          n5["#quot;#35;"]
          n6["(output)"]
        end
        n0 --> n1
        n4 --> n5
        n5 --> n6
        n1 ==c0==> n2
        n1 ==c1==> n3
        n2 ==c2==> n4
        n3 ==c3==> n4
      "
    `);
  });
});
