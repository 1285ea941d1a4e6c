import { describe, expect, test } from 'vitest';
import { GraphError, InvalidArgumentError, ManifestError } from '../errors/index.js';
import { Node, registerNode, SourceNode, StreamingNode, type AnyNode } from '../node/index.js';
import { executePipeline, executePipelineWithInput, Pipeline } from './index.js';

class Add extends Node<number, number> {
  calls = 0;
  readonly #amount: number;

  constructor({ amount = 1, ...options }: { amount?: number; name?: string } = {}) {
    super(options);
    this.#amount = amount;
  }

  process(value: number): number {
    this.calls++;
    return value + this.#amount;
  }
}

class Double extends Node<number, number> {
  process(value: number): number {
    return value * 2;
  }
}

class Numbers extends SourceNode<number> {
  *source(): Generator<number> {
    yield* [1, 2, 3];
  }
}

class Last extends StreamingNode<number, number> {
  async *stream(input: AsyncIterable<number>): AsyncGenerator<number> {
    let last: number | undefined;
    for await (const value of input) last = value;
    if (last !== undefined) yield last;
  }
}

registerNode(Add, 'PipelineTestAdd');

const MANIFEST = {
  version: 'v1',
  metadata: { name: 'm', created_at: '2024-01-01T00:00:00Z' },
  nodes: [
    { id: 'a', node_type: 'PipelineTestAdd', params: { amount: 10 } },
    { id: 'b', node_type: 'PipelineTestAddNode', config: { amount: 100 } },
  ],
  connections: [{ from: 'a', to: 'b' }],
};

describe('what can be run', () => {
  test.each<[string, Parameters<typeof executePipelineWithInput>[0]]>([
    ['a list of instances', [new Add({ amount: 10 }), new Add({ amount: 100 })]],
    ['a Pipeline', new Pipeline([new Add({ amount: 10 }), new Add({ amount: 100 })])],
    ['a manifest object', MANIFEST],
    ['a manifest as JSON', JSON.stringify(MANIFEST)],
    [
      'a manifest as YAML',
      'version: v1\nmetadata: {name: m}\nnodes:\n  - {id: a, node_type: PipelineTestAdd, params: {amount: 10}}\n  - {id: b, node_type: PipelineTestAdd, params: {amount: 100}}\n',
    ],
    [
      'a list of instances and entries',
      [new Add({ amount: 10 }), { node_type: 'PipelineTestAdd', params: { amount: 100 } }],
    ],
    [
      'a list with an entry that holds an instance',
      [{ id: 'first', instance: new Add({ amount: 10 }) }, new Add({ amount: 100 })],
    ],
    [
      'a Pipeline with entries, "config" for "params"',
      new Pipeline([
        new Add({ amount: 10 }),
        { node_type: 'PipelineTestAdd', config: { amount: 99 } } as never,
        { node_type: 'PipelineTestAdd' },
      ]),
    ],
    [
      'a manifest that holds an instance',
      { ...MANIFEST, nodes: [MANIFEST.nodes[0], { id: 'b', instance: new Add({ amount: 100 }) }] },
    ],
    ['a plain object as a node', [{ initialize: () => undefined, process: (value: number) => value + 110 }]],
  ])('%s', async (_, source) => {
    expect(await executePipelineWithInput(source, [1, 2])).toEqual([111, 112]);
  });

  test('the very objects run, and show what was done to them', async () => {
    const node = new Add();
    node.calls = 40;
    await executePipelineWithInput([node], [1, 2]);
    expect(node.calls).toBe(42);
  });

  test('a manifest makes its nodes anew for every run', async () => {
    const made: AnyNode[] = [];
    class Made extends Add {
      constructor() {
        super();
        made.push(this);
      }
    }
    registerNode(Made, 'PipelineTestMade');
    const pipeline = new Pipeline([{ node_type: 'PipelineTestMade' }]);
    expect([await pipeline.run(1), await pipeline.run(1)]).toEqual([2, 2]);
    expect(new Set(made).size).toBe(2);
  });

  test('a Pipeline of another copy of this package', async () => {
    const { Pipeline: Other } = { Pipeline: class Pipeline {} };
    const other = Object.assign(new Other(), {
      definition: () => new Pipeline([new Double()]).definition(),
      *[Symbol.iterator]() {},
    });
    expect(await executePipelineWithInput(other as never, [4])).toEqual([8]);
  });

  test('a concurrency that a manifest states for an instance holds', async () => {
    let [inside, most] = [0, 0];
    const instance = {
      initialize: () => undefined,
      process: async (value: number) => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
        return value;
      },
    };
    const manifest = { ...MANIFEST, nodes: [{ id: 'a', instance, concurrency: 3 }], connections: [] };
    await executePipelineWithInput(manifest, [1, 2, 3, 4, 5, 6]);
    expect(most).toBe(3);
  });
});

describe('what cannot be run', () => {
  test.each<[string, unknown, RegExp]>([
    ['a bare node', new Add(), /this is one Add\. Put it into a list: \[node\]/],
    ['a path', './pipelines/voice.json', /looks like a path.*loadPipeline\("\.\/pipelines\/voice\.json"\)/],
    ['a file name', 'voice.yaml', /loadPipeline\("voice\.yaml"\)/],
    ['an empty string', '', /empty string/],
    ['a number', 5, /a value of type number/],
    ['nothing', undefined, /a value of type undefined/],
    ['null', null, /a value of type null/],
    ['a class', Add, /a value of type class Add/],
    ['a Set of nodes', new Set([new Add()]), /a value of type Set/],
  ])('%s', async (_, source, message) => {
    const error: unknown = await executePipeline(source as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error).toMatchObject({ code: 'RM_INVALID_PIPELINE', message: expect.stringMatching(message) });
  });

  test.each<[string, () => unknown]>([
    ['executePipeline', () => executePipeline(['x', new Add(), Add, {}, null, { instance: 5 }] as never)],
    ['Pipeline', () => new Pipeline(['x', new Add(), Add, {}, null, { instance: 5 }] as never)],
  ])('wrong list items, each named with position and type (%s)', async (_, run) => {
    const error: unknown = await (async () => run())().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: 'RM_INVALID_NODE' });
    expect((error as Error).message).toContain(
      'item 0 is string, item 2 is class Add, not an instance of it, item 3 is Object without process() and initialize(), item 4 is null, item 5 is number',
    );
  });

  test.each<[string, () => Promise<unknown>]>([
    ['a list', () => executePipeline([])],
    ['a Pipeline', () => new Pipeline('none').run(1)],
    ['a stream', () => new Pipeline().stream([1]).next()],
    ['a manifest', () => executePipeline({ ...MANIFEST, nodes: [], connections: [] })],
  ])('%s that is empty', async (_, run) => {
    await expect(run()).rejects.toThrow(expect.objectContaining({ code: 'RM_EMPTY_PIPELINE' }));
    await expect(run()).rejects.toThrow(/empty/);
  });

  test('nodes given to pipe(), add() and connect() that are none', () => {
    const pipeline = new Pipeline();
    for (const add of [
      () => pipeline.pipe({} as never),
      () => pipeline.add(Add as never),
      () => pipeline.connect(new Add(), {} as never),
    ])
      expect(add).toThrow(expect.objectContaining({ name: 'InvalidArgumentError', code: 'RM_INVALID_NODE' }));
  });

  test('an entry that names no type, or parameters that are wrong', async () => {
    await expect(new Pipeline([{ node_type: 5 } as never]).run(1)).rejects.toThrow(ManifestError);
    await expect(new Pipeline([{ node_type: 'NoSuchThing' }]).run(1)).rejects.toMatchObject({
      code: 'RM_UNKNOWN_NODE_TYPE',
      path: 'nodes[0].node_type',
    });
    await expect(executePipeline([{ node_type: 'PipelineTestAdd', parms: {} } as never])).rejects.toThrow(
      /\[0\]\.parms .*did you mean "params"/,
    );
  });

  test('an executor that is not there', async () => {
    const node = new Add();
    node.executor = 'moon';
    await expect(new Pipeline([node]).run(1)).rejects.toMatchObject({
      code: 'RM_EXECUTOR_UNAVAILABLE',
      nodeId: 'Add_0',
    });
    node.executor = 'in-process';
    expect(await new Pipeline([node]).run(1)).toBe(2);
  });

  test('a concurrency that is none, before anything is initialized', async () => {
    let isInitialized = false;
    const node = Object.assign(new Add(), { concurrency: 0, initialize: () => (isInitialized = true) });
    await expect(new Pipeline([node]).run(1)).rejects.toThrow(/Node "Add_0": concurrency/);
    expect(isInitialized).toBe(false);
  });

  test.each([
    ['streaming', 'stream', new Last()],
    ['source', 'source', new Numbers()],
  ])('a %s node at two places', async (_, role, node) => {
    await expect(new Pipeline([node as AnyNode, new Double(), node]).run()).rejects.toThrow(
      new RegExp(`Items 0 and 2 are the same ${role} node`),
    );
  });

  test('connections that form no graph', async () => {
    const [a, b] = [new Add(), new Add()];
    await expect(new Pipeline().connect(a, b).connect(b, a).run(1)).rejects.toThrow(GraphError);
    await expect(new Pipeline().add(a).connect(a, a).run(1)).rejects.toThrow(/cycle/);
    await expect(new Pipeline().connect(a, b).connect(a, b).run(1)).rejects.toThrow(/already connected/);
    await expect(new Pipeline().connect(a, b).add(new Add()).run(1)).rejects.toThrow(/unreachable/);
  });
});

describe('building', () => {
  test('a chain by pipe(), add() or a list', async () => {
    const nodes = (): [Add, Double] => [new Add(), new Double()];
    const [a, b] = nodes();
    expect(await new Pipeline<number>().pipe(a).pipe(b).run(1)).toBe(4);
    expect(await new Pipeline().add(a).add(b).run(1)).toBe(4);
    expect(await new Pipeline([a, b]).run(1)).toBe(4);
    expect(await Pipeline.from(a).pipe(b).run(1)).toBe(4);
    expect(await new Pipeline<number>([a]).pipe(b).run(1)).toBe(4);
    expect(await new Pipeline().add(a).pipe(b).pipe(new Add()).run(1)).toBe(5);
    expect(await new Pipeline().add(a).add(b).pipe(new Add()).run(1)).toBe(5);
  });

  test('pipe() goes on behind what was piped last, whatever has been connected or added since', async () => {
    const [head, side] = [new Add(), new Add({ amount: 100 })];
    const pipeline = new Pipeline<number>().pipe(head).connect(head, side).pipe(new Double());
    expect(pipeline.definition().connections).toEqual([
      { from: 'Add_0', to: 'Add_1' },
      { from: 'Add_0', to: 'Double_2' },
    ]);
    expect(await pipeline.run([1])).toEqual(expect.arrayContaining([102, 4]));
  });

  test('connect() before pipe()', async () => {
    const [a, b] = [new Add(), new Double()];
    expect(
      await new Pipeline()
        .connect(a, b)
        .pipe(new Add({ amount: 100 }))
        .run(1),
    ).toBe(104);
  });

  test('connect() by ids and objects, which are added where they are new', async () => {
    const [a, b, c] = [new Add(), new Double(), new Add({ amount: 100 })];
    const pipeline = new Pipeline().add(a, { id: 'head' }).connect('head', b).connect(a, c);
    expect(pipeline).toHaveLength(3);
    expect([...pipeline]).toEqual([a, b, c]);
    expect(await pipeline.run([1])).toEqual(expect.arrayContaining([4, 102]));
    expect(() => pipeline.connect('tail', b)).toThrow(/no node with the id "tail"/);
  });

  test('an object at two places is connected by ids', () => {
    const node = new Add();
    const pipeline = new Pipeline().add(node, { id: 'a' }).add(node, { id: 'b' });
    expect(() => pipeline.connect(node, new Add())).toThrow(/at 2 places .*Name the place by its id/);
    expect(() => pipeline.connect('a', 'b')).not.toThrow();
  });

  test('ids come from names, which may be given later, or from classes', () => {
    const node = new Add();
    const pipeline = new Pipeline([
      new Add({ name: 'first' }),
      node,
      { node_type: 'python:my.nodes.Sentiment' },
    ]);
    node.name = 'second';
    const plain = { initialize: () => undefined, process: () => undefined };
    pipeline.add(plain).add(new Add(), { id: 'mine' });
    expect(pipeline.definition().ids).toEqual(['first_0', 'second_1', 'Sentiment_2', 'Object_3', 'mine']);
  });

  test('an id that is the same as one made from a name is an error that names both', async () => {
    const pipeline = new Pipeline().add(new Double(), { id: 'Add_1' }).add(new Add());
    await expect(pipeline.run(1)).rejects.toThrow(
      'nodes[1].id: "Add_1" is already the id of nodes[0]. Give every node an id of its own.',
    );
  });

  test.each(['(input)', '(output)'])('%s is no id', async (id) => {
    await expect(new Pipeline().add(new Add(), { id }).run(1)).rejects.toThrow(
      expect.objectContaining({ code: 'RM_INVALID_GRAPH', path: 'nodes[0].id' }),
    );
  });

  test('the plan says what runs where', async () => {
    const plan = await new Pipeline([new Add(), { node_type: 'PassThrough' }], { name: 'two' }).plan();
    expect(plan).toMatchObject({
      name: 'two',
      channels: [],
      segments: [{ host: 'in-process', nodes: ['(input)', 'Add_0', 'PassThrough_1', '(output)'] }],
    });
  });

  test('a pipeline runs many times, also at once', async () => {
    const pipeline = new Pipeline<number>().pipe(new Add()).pipe(new Double());
    const runs = Array.from({ length: 20 }, (_, index) => pipeline.run(index));
    expect(await Promise.all(runs)).toEqual(runs.map((_, index) => (index + 1) * 2));
  });

  test('1,000 nodes run as one chain', async () => {
    const nodes = Array.from({ length: 1000 }, () => new Add());
    expect(await executePipelineWithInput(nodes, [0, 1])).toEqual([1000, 1001]);
  });
});
