import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnyNode, QueueLimits } from '../node/index.js';
import { Pipeline } from './index.js';

/** What passes: its number, and the nodes that it has passed. */
interface Item {
  readonly number: number;
  readonly path: string;
}

interface NodeSpec {
  readonly kind: 'sync' | 'async' | 'generator' | 'asyncGenerator';
  /** For every third item: how often it fails before it gives something. */
  readonly failures: number;
  readonly attempts: number;
  readonly concurrency: number;
  readonly inputQueue: QueueLimits | undefined;
}

interface EdgeSpec {
  readonly from: number;
  readonly to: number;
  readonly queue: QueueLimits | undefined;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function fails({ failures }: NodeSpec, { number }: Item): boolean {
  return failures > 0 && number % 3 === 0;
}

function isGivenUp(spec: NodeSpec, item: Item): boolean {
  return fails(spec, item) && spec.failures > spec.attempts;
}

function makeNode(id: number, spec: NodeSpec): AnyNode {
  const calls = new Map<Item, number>();
  const pass = (item: Item): Item => {
    const call = (calls.get(item) ?? 0) + 1;
    calls.set(item, call);
    if (fails(spec, item) && call <= spec.failures) throw new RangeError(`item ${String(item.number)}`);
    return { ...item, path: `${item.path}>${String(id)}` };
  };
  const { attempts, concurrency, inputQueue } = spec;
  const retry = attempts === 0 ? undefined : { attempts, delayMs: 0 };
  const node: AnyNode = {
    initialize: () => undefined,
    concurrency,
    inputQueue,
    failurePolicy: { onError: 'skip', retry },
  };
  switch (spec.kind) {
    case 'sync':
      node.process = pass;
      break;
    case 'async':
      node.process = async (item: Item) => {
        if (item.number % 2 === 0) await turn();
        return pass(item);
      };
      break;
    case 'generator':
      node.process = function* (item: Item) {
        yield pass(item);
      };
      break;
    case 'asyncGenerator':
      node.process = async function* (item: Item) {
        await turn();
        yield pass(item);
      };
  }
  return node;
}

const blocking = fc.record({ maxItems: fc.integer({ min: 1, max: 3 }) });
const dropping = fc.record({
  maxItems: fc.integer({ min: 1, max: 3 }),
  whenFull: fc.constantFrom('drop-oldest' as const, 'drop-newest' as const, 'latest' as const),
});

/** Graphs of which every node but the first has one to three nodes before it. */
function graphs(
  queues: fc.Arbitrary<QueueLimits | undefined>,
): fc.Arbitrary<{ specs: NodeSpec[]; edges: EdgeSpec[]; count: number }> {
  const spec = fc.record({
    kind: fc.constantFrom('sync', 'async', 'generator', 'asyncGenerator'),
    failures: fc.constantFrom(0, 0, 1, 2),
    attempts: fc.constantFrom(0, 1, 2),
    concurrency: fc.constantFrom(1, 1, 3),
    inputQueue: queues,
  }) as fc.Arbitrary<NodeSpec>;
  return fc.integer({ min: 2, max: 6 }).chain((size) =>
    fc.record({
      specs: fc.array(spec, { minLength: size, maxLength: size }),
      edges: fc
        .tuple(
          ...Array.from({ length: size - 1 }, (_, index) =>
            fc
              .uniqueArray(fc.nat({ max: index }), { minLength: 1, maxLength: 3 })
              .chain((froms) =>
                fc.tuple(
                  ...froms.map((from) =>
                    fc.record({ from: fc.constant(from), to: fc.constant(index + 1), queue: queues }),
                  ),
                ),
              ),
          ),
        )
        .map((edges) => edges.flat() as EdgeSpec[]),
      count: fc.nat({ max: 30 }),
    }),
  );
}

/** What comes out of every path from the first node to a last one, and what is given up on the way. */
function modelOf(specs: readonly NodeSpec[], edges: readonly EdgeSpec[], count: number): Taken {
  const outputs: Item[] = [];
  const letters: string[] = [];
  const give = (id: number, items: readonly Item[]): void => {
    const spec = specs[id] as NodeSpec;
    for (const item of items) if (isGivenUp(spec, item)) letters.push(nameOf(String(id), item));
    const made = items
      .filter((item) => !isGivenUp(spec, item))
      .map((item) => ({ ...item, path: `${item.path}>${String(id)}` }));
    const next = edges.filter(({ from }) => from === id);
    if (next.length === 0) outputs.push(...made);
    for (const { to } of next) give(to, made);
  };
  give(0, inputOf(count));
  return { outputs, letters };
}

interface Taken {
  readonly outputs: readonly Item[];
  /** Node and item of each. */
  readonly letters: readonly string[];
}

function inputOf(count: number): Item[] {
  return Array.from({ length: count }, (_, number) => ({ number, path: '' }));
}

function nameOf(nodeId: string, { number, path }: Item): string {
  return `${nodeId}: ${String(number)} ${path}`;
}

function byPath(items: readonly Item[]): Record<string, number[]> {
  const paths: Record<string, number[]> = {};
  for (const { path, number } of items) (paths[path] ??= []).push(number);
  return paths;
}

async function taken(specs: readonly NodeSpec[], edges: readonly EdgeSpec[], count: number): Promise<Taken> {
  const pipeline = new Pipeline<Item, Item>();
  for (const [id, spec] of specs.entries()) pipeline.add(makeNode(id, spec), { id: String(id) });
  for (const { from, to, queue } of edges) pipeline.connect(String(from), String(to), { queue });
  const letters: string[] = [];
  const result = await pipeline.run(inputOf(count), {
    enableMetrics: true,
    onDeadLetter: ({ nodeId, item }) => letters.push(nameOf(nodeId, item as Item)),
  });
  // Every item that was given to a node has come to it, or was dropped there.
  const metrics = new Map(result.metrics.nodeMetrics.map((each) => [each.nodeId, each]));
  for (const id of specs.keys()) {
    const before = edges
      .filter(({ to }) => to === id)
      .map(({ from }) => metrics.get(String(from))?.itemsOut ?? 0);
    const { itemsIn = 0, itemsDropped = 0 } = metrics.get(String(id)) ?? {};
    expect(itemsIn + itemsDropped).toBe(id === 0 ? count : before.reduce((sum, given) => sum + given, 0));
  }
  return { outputs: [result.outputs ?? []].flat() as Item[], letters };
}

test('in any graph each item comes out of every path, or is given up where its policy says so', async () => {
  await fc.assert(
    fc.asyncProperty(graphs(fc.option(blocking, { nil: undefined })), async ({ specs, edges, count }) => {
      const { outputs, letters } = await taken(specs, edges, count);
      const expected = modelOf(specs, edges, count);
      expect(byPath(outputs)).toEqual(byPath(expected.outputs));
      expect([...letters].sort()).toEqual([...expected.letters].sort());
    }),
    { numRuns: 80 },
  );
}, 60_000);

test('queues that drop lose nothing that is not counted, and keep the order of what is left', async () => {
  const queues = fc.option(fc.oneof(blocking, dropping), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(graphs(queues), async ({ specs, edges, count }) => {
      const { outputs, letters } = await taken(specs, edges, count);
      const expected = modelOf(specs, edges, count);
      const complete = byPath(expected.outputs);
      for (const [path, numbers] of Object.entries(byPath(outputs))) {
        const left = new Set(numbers);
        expect(numbers).toEqual(complete[path]?.filter((number) => left.has(number)));
      }
      expect(expected.letters).toEqual(expect.arrayContaining([...letters]));
    }),
    { numRuns: 80 },
  );
}, 60_000);
