import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnyNode } from '../node/index.js';
import { executePipelineWithInput, Pipeline } from './index.js';

/** What passes: where it came from, with which copy, and the nodes that it has passed. */
interface Item {
  readonly key: string;
  readonly path: string;
}

/** What a node does with one item; the same in the model and in the run. */
const EFFECTS = {
  pass: (key: string) => [key],
  repeat: (key: string) => [`${key}a`, `${key}b`, `${key}c`],
  drop: (key: string) => (hash(key) % 3 === 0 ? [] : [key]),
} as const;

const KINDS = [
  'sync',
  'async',
  'settled',
  'generator',
  'asyncGenerator',
  'stream',
  'held',
  'heldAsync',
] as const;

interface NodeSpec {
  readonly effect: keyof typeof EFFECTS;
  readonly kind: (typeof KINDS)[number];
  readonly concurrency: number;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function hash(text: string): number {
  let sum = 7;
  for (let index = 0; index < text.length; index++) sum = (sum * 31 + text.charCodeAt(index)) % 1009;
  return sum;
}

function apply(id: number, { effect }: NodeSpec, { key, path }: Item): Item[] {
  return EFFECTS[effect](key).map((made) => ({ key: made, path: `${path}>${String(id)}` }));
}

function makeNode(id: number, spec: NodeSpec): AnyNode {
  const all = (item: Item): Item[] => apply(id, spec, item);
  // Some items take longer than others.
  const pause = (item: Item): Promise<void> | undefined => (hash(item.key) % 2 === 0 ? turn() : undefined);
  const held: Item[] = [];
  const node: AnyNode = { concurrency: spec.concurrency, initialize: () => undefined };
  switch (spec.kind) {
    case 'sync':
      node.process = (item: Item) => only(all(item));
      break;
    case 'async':
      node.process = async (item: Item) => {
        await pause(item);
        return only(all(item));
      };
      break;
    case 'settled':
      node.process = (item: Item) =>
        hash(item.key) % 2 === 0 ? Promise.resolve(only(all(item))) : only(all(item));
      break;
    case 'generator':
      node.process = function* (item: Item) {
        yield* all(item);
      };
      break;
    case 'asyncGenerator':
      node.process = async function* (item: Item) {
        for (const made of all(item)) {
          await pause(made);
          yield made;
        }
      };
      break;
    case 'stream':
      node.stream = async function* (input: AsyncIterable<Item>) {
        for await (const item of input) yield* all(item);
      };
      break;
    default:
      node.process = (item: Item) => {
        held.push(...all(item));
        return spec.kind === 'held' ? undefined : turn();
      };
      node.flush = () => held.splice(0).values();
  }
  return node;
}

/** Exactly one output as it is, several as an iterator. */
function only(items: Item[]): Item | IterableIterator<Item> | undefined {
  return items.length > 1 ? items.values() : items[0];
}

const nodeSpec: fc.Arbitrary<NodeSpec> = fc.record({
  effect: fc.constantFrom('pass', 'pass', 'repeat', 'drop'),
  kind: fc.constantFrom(...KINDS),
  concurrency: fc.constantFrom(1, 1, 3),
});

function inputOf(count: number): Item[] {
  return Array.from({ length: count }, (_, index) => ({ key: String(index), path: '' }));
}

/** Fails, with the pipeline as the counterexample, where a run does not end. */
async function ends<T>(run: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('the run does not end'));
    }, 10_000);
  });
  try {
    return await Promise.race([run, late]);
  } finally {
    clearTimeout(timer);
  }
}

test('any chain gives what each node does, in order', async () => {
  const chains = fc.record({
    specs: fc.array(nodeSpec, { minLength: 1, maxLength: 6 }),
    count: fc.nat({ max: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(chains, async ({ specs, count }) => {
      const expected = specs.reduce<Item[]>(
        (items, spec, id) => items.flatMap((item) => apply(id, spec, item)),
        inputOf(count),
      );
      const nodes = (): AnyNode[] => specs.map((spec, id) => makeNode(id, spec));
      expect(await ends(executePipelineWithInput(nodes(), inputOf(count)))).toEqual(expected);
      const outputs: unknown[] = [];
      const stream = new Pipeline<Item>(nodes()).stream(inputOf(count));
      await ends(
        (async () => {
          for await (const output of stream) outputs.push(output);
        })(),
      );
      expect(outputs).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test('any graph gives what each path does, each path in order', async () => {
  const graphs = fc.integer({ min: 2, max: 7 }).chain((size) =>
    fc.record({
      specs: fc.array(nodeSpec, { minLength: size, maxLength: size }),
      // Every node but the first has one to three nodes before it.
      before: fc.tuple(
        ...Array.from({ length: size - 1 }, (_, index) =>
          fc.uniqueArray(fc.nat({ max: index }), { minLength: 1, maxLength: 3 }),
        ),
      ),
      count: fc.nat({ max: 24 }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(graphs, async ({ specs, before, count }) => {
      const edges = before.flatMap((froms, index) => froms.map((from) => [from, index + 1] as const));
      const pipeline = new Pipeline();
      for (const [id, spec] of specs.entries()) pipeline.add(makeNode(id, spec), { id: String(id) });
      for (const [from, to] of edges) pipeline.connect(String(from), String(to));
      const outputs = ((await ends(pipeline.run(inputOf(count)))) ?? []) as Item[] | Item;
      expect(byPath([outputs].flat())).toEqual(byPath(modelOf(specs, edges, inputOf(count))));
    }),
    { numRuns: 100 },
  );
}, 120_000);

/** What comes out of every path from the first node to a last one. */
function modelOf(
  specs: readonly NodeSpec[],
  edges: readonly (readonly [number, number])[],
  input: Item[],
): Item[] {
  const from = (id: number, items: Item[]): Item[] => {
    const made = items.flatMap((item) => apply(id, specs[id] as NodeSpec, item));
    const next = edges.filter(([start]) => start === id);
    return next.length === 0 ? made : next.flatMap(([, to]) => from(to, made));
  };
  return from(0, input);
}

function byPath(items: readonly Item[]): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const { path, key } of items) (paths[path] ??= []).push(key);
  return paths;
}
