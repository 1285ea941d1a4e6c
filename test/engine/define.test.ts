import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Driver, FOLDER } from './driver.js';

let driver: Driver;
beforeAll(async () => {
  driver = await Driver.start();
});
afterAll(async () => {
  expect(await driver.close()).toBe(0);
});

const instance = (object: number, className: string, name?: string): object => ({
  instance: { object, className, ...(name === undefined ? {} : { name }) },
});
const manifest = (nodes: readonly unknown[], connections?: readonly unknown[]): Record<string, unknown> => ({
  version: 'v1',
  metadata: { name: 'mixed' },
  nodes,
  ...(connections === undefined ? {} : { connections }),
});

describe('a pipeline', () => {
  test('as JSON text: ids are made, config is read as params, and the language is found', async () => {
    const text = JSON.stringify(
      manifest([
        { node_type: 'Tokenizer', config: { size: 2 }, executor: 'multiprocess', concurrency: 3 },
        {
          id: 'sum',
          node_type: 'CalculatorNode',
          params: { operation: 'add', operand: 1 },
          is_streaming: false,
        },
      ]),
    );
    expect(await driver.define({ text, pythonTypes: ['Tokenizer', 'TokenizerNode'] })).toEqual({
      name: 'mixed',
      isManifest: true,
      baseDir: FOLDER,
      connections: [],
      nodes: [
        {
          id: 'Tokenizer_0',
          language: 'python',
          node_type: 'Tokenizer',
          params: { size: 2 },
          executor: 'multiprocess',
          concurrency: 3,
        },
        {
          id: 'sum',
          language: 'typescript',
          node_type: 'CalculatorNode',
          params: { operation: 'add', operand: 1 },
          is_streaming: false,
        },
      ],
    });
  });

  test('as YAML text', async () => {
    const { name, nodes } = await driver.define({
      text: 'version: v1\nmetadata: {name: yaml}\nnodes:\n  - node_type: PassThrough\n',
    });
    expect([name, nodes.map(({ id }) => id)]).toEqual(['yaml', ['PassThrough_0']]);
  });

  test('as a manifest object that holds live objects', async () => {
    const { nodes, connections, isManifest } = await driver.define({
      manifest: manifest(
        [
          { id: 'model', ...instance(7, 'Model'), executor: 'multiprocess' },
          { id: 'pass', node_type: 'PassThrough' },
        ],
        [{ from: 'pass', to: 'model' }],
      ),
    });
    expect(isManifest).toBe(true);
    expect(nodes).toEqual([
      { id: 'model', language: 'python', instance: 7, executor: 'multiprocess' },
      { id: 'pass', language: 'typescript', node_type: 'PassThrough', params: {} },
    ]);
    expect(connections).toEqual([{ from: 'pass', to: 'model' }]);
  });

  test('as a list: objects are named after their name, else their class', async () => {
    const { name, isManifest, nodes } = await driver.define({
      entries: [instance(1, 'Model'), { node_type: './nodes.ts#Upper' }, instance(2, 'Model', 'second')],
    });
    expect([name, isManifest]).toEqual(['pipeline', false]);
    expect(nodes.map(({ id, instance: object }) => [id, object])).toEqual([
      ['Model_0', 1],
      ['Upper_1', undefined],
      ['second_2', 2],
    ]);
  });
});

test.each([
  ['Calculator', [], 'typescript', 'Calculator'],
  ['Calculator', ['Calculator', 'CalculatorNode'], 'python', 'Calculator'],
  ['typescript:Calculator', ['Calculator'], 'typescript', 'Calculator'],
  ['python:my.module.Model', [], 'python', 'python:my.module.Model'],
  ['./model.py#Model', [], 'python', './model.py#Model'],
  ['./nodes.js#Upper', [], 'typescript', './nodes.js#Upper'],
  ['typescript:./nodes.mts#Upper', [], 'typescript', './nodes.mts#Upper'],
])('the type %s beside the Python types %j is %s', async (node_type, pythonTypes, language, given) => {
  const params = { operation: 'add', operand: 1 };
  const { nodes } = await driver.define({ entries: [{ node_type, params }], pythonTypes });
  expect(nodes[0]).toMatchObject({ language, node_type: given });
});

describe('what is wrong is said as a TypeScript driver says it', () => {
  test.each([
    ['JSON', '{"version": "v1",\n  "nodes": [,]}', 'RM_INVALID_MANIFEST', /JSON.*line 2, column 13/s],
    ['YAML', 'version: v1\nnodes: [', 'RM_INVALID_MANIFEST', /YAML.*line 2/s],
    [
      'the path of a file',
      './pipeline.json',
      'RM_INVALID_PIPELINE',
      /Path\("\.\/pipeline\.json"\)\.read_text/,
    ],
    ['an empty manifest', '{"version": "v1", "nodes": []}', 'RM_EMPTY_PIPELINE', /empty/],
  ])('%s', async (_what, text, code, message) => {
    await expect(driver.define({ text })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('an empty list', async () => {
    await expect(driver.define({ entries: [] })).rejects.toMatchObject({ code: 'RM_EMPTY_PIPELINE' });
  });

  test('an unknown field, with its place', async () => {
    await expect(driver.define({ manifest: manifest([{ node_typ: 'PassThrough' }]) })).rejects.toMatchObject({
      name: 'ManifestError',
      message: expect.stringContaining('did you mean "node_type"?'),
      path: expect.stringContaining('nodes[0]'),
    });
  });

  test('an unknown type, with suggestions from both languages and how to add one', async () => {
    const define = (node_type: string): Promise<unknown> =>
      driver.define({
        entries: [{ node_type: 'PassThrough' }, { node_type }],
        pythonTypes: ['Tokenizer', 'TokenizerNode'],
      });
    await expect(define('Tokeniser')).rejects.toMatchObject({
      code: 'RM_UNKNOWN_NODE_TYPE',
      path: 'nodes[1].node_type',
      message: expect.stringMatching(
        /did you mean "Tokenizer(Node)?"\?.*TokenizerNode.*define a Node subclass.*nodes\.js/s,
      ),
    });
    await expect(define('Calculater')).rejects.toMatchObject({
      message: expect.stringContaining('did you mean "Calculator"?'),
    });
    await expect(define('typescript:TokenizerNode')).rejects.toMatchObject({ code: 'RM_UNKNOWN_NODE_TYPE' });
  });

  test('wrong params of a registered type, with their place', async () => {
    const entries = [{ node_type: 'Calculator', params: { operation: 'add', operand: 'x' } }];
    await expect(driver.define({ entries })).rejects.toMatchObject({ path: 'nodes[0].params.operand' });
  });

  test('a cycle, and a node that nothing connects', async () => {
    const nodes = ['a', 'b', 'c'].map((id) => ({ id, node_type: 'PassThrough' }));
    const cycle = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'c', to: 'b' },
    ];
    await expect(driver.define({ manifest: manifest(nodes, cycle) })).rejects.toMatchObject({
      code: 'RM_INVALID_GRAPH',
      message: expect.stringContaining('"b" → "c" → "b"'),
    });
    await expect(driver.define({ manifest: manifest(nodes, cycle.slice(0, 1)) })).rejects.toMatchObject({
      code: 'RM_INVALID_GRAPH',
      message: expect.stringContaining('"c" is unreachable'),
    });
  });
});
