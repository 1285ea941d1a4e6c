import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ManifestError } from '../errors/index.js';
import { Node } from '../node/index.js';
import { isInstanceNode, manifestJsonSchema, validateManifest, validateNodeEntry } from './index.js';

class Upper extends Node<string, string> {
  process(text: string): string {
    return text.toUpperCase();
  }
}

function errorOf(action: () => unknown): ManifestError {
  try {
    action();
  } catch (error) {
    if (error instanceof ManifestError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const message = (manifest: unknown): string => errorOf(() => validateManifest(manifest)).message;
const withNodes = (...nodes: unknown[]): unknown => ({ version: 'v1', nodes });

describe('validateManifest', () => {
  it('reads every field of version 1', () => {
    const manifest = {
      version: 'v1',
      metadata: { name: 'p', description: 'd', created_at: '2026-01-31T12:00:00Z', owner: 'me' },
      nodes: [
        {
          id: 'a',
          node_type: 'Calculator',
          params: { operation: 'add' },
          is_streaming: false,
          capabilities: { memory_gb: 1 },
          host: 'gpu:5000',
          executor: 'multiprocess',
          concurrency: 2,
        },
        { id: 'b', node_type: 'PassThrough', params: {} },
      ],
      connections: [{ from: 'a', to: 'b' }],
    };
    expect(validateManifest(manifest)).toEqual(manifest);
  });

  it('fills in what may be missing', () => {
    expect(validateManifest(withNodes({ node_type: 'PassThrough' }))).toEqual({
      version: 'v1',
      metadata: { name: 'pipeline' },
      nodes: [{ id: 'PassThrough_0', node_type: 'PassThrough', params: {} }],
      connections: [],
    });
  });

  it('takes null for absent', () => {
    const entry = { node_type: 'A', id: null, params: null, executor: null, capabilities: null };
    const manifest = { version: 'v1', metadata: null, nodes: [entry], connections: null };
    expect(validateManifest(manifest).nodes).toEqual([{ id: 'A_0', node_type: 'A', params: {} }]);
  });

  it('reads config as params', () => {
    const { nodes } = validateManifest(withNodes({ node_type: 'A', config: { x: 1 } }));
    expect(nodes[0]).toEqual({ id: 'A_0', node_type: 'A', params: { x: 1 } });
  });

  it('refuses params and config together', () => {
    expect(message(withNodes({ node_type: 'A', config: {}, params: {} }))).toBe(
      'Invalid manifest: nodes[0].config is another name for params; give one of the two.',
    );
  });

  it.each([
    ['python:my_nodes.Sentiment', 'Sentiment_0'],
    ['./nodes/vad.py#Vad', 'Vad_0'],
    ['./upper.js#Upper', 'Upper_0'],
    ['CalculatorNode', 'CalculatorNode_0'],
  ])('makes the id of %s from the class: %s', (node_type, id) => {
    expect(validateManifest(withNodes({ node_type })).nodes[0]?.id).toBe(id);
  });

  it('keeps the very instance of an entry', () => {
    const instance = new Upper({ name: 'up' });
    const { nodes } = validateManifest(
      withNodes({ instance }, { id: 'b', instance: new Upper(), executor: 'worker' }),
    );
    const [first, second] = nodes;
    expect(first !== undefined && isInstanceNode(first) && first.instance).toBe(instance);
    expect(first?.id).toBe('up_0');
    expect(second).toMatchObject({ id: 'b', executor: 'worker' });
  });

  it('says how to write a bare instance', () => {
    expect(message(withNodes(new Upper()))).toBe(
      'Invalid manifest: nodes[0] is an instance (Upper); write it as { id, instance }.',
    );
  });

  it('says what an instance lacks', () => {
    expect(message(withNodes({ instance: { process: () => 1 } }))).toContain(
      'nodes[0].instance is no node: Object without initialize()',
    );
  });

  it('leaves keys that start with x- alone', () => {
    const manifest = {
      ...(withNodes({ node_type: 'A', 'x-note': 1 }) as object),
      'x-editor': {},
      $schema: 'manifest.v1.json',
    };
    expect(validateManifest(manifest).nodes).toEqual([{ id: 'A_0', node_type: 'A', params: {} }]);
  });

  it('says "empty" where there is no node', () => {
    const error = errorOf(() => validateManifest(withNodes()));
    expect(error.message).toBe('Invalid manifest: nodes is empty: a pipeline needs at least one node.');
    expect(error.code).toBe('RM_EMPTY_PIPELINE');
  });

  it.each([
    ['nodes[0].node_type is missing', withNodes({ id: 'a' })],
    ['nodes[0] must be an object, got "PassThrough" (string)', withNodes('PassThrough')],
    ['nodes[0].params must be an object, got an array', withNodes({ node_type: 'A', params: [] })],
    [
      'nodes[0].concurrency must be a whole number, got 1.5 (number)',
      withNodes({ node_type: 'A', concurrency: 1.5 }),
    ],
    [
      'nodes[0].concurrency must be at least 1, got 0 (number)',
      withNodes({ node_type: 'A', concurrency: 0 }),
    ],
    ['nodes[0].id must not be empty, got "" (string)', withNodes({ node_type: 'A', id: '' })],
    ['nodes[0].parms is not known here (did you mean "params"?)', withNodes({ node_type: 'A', parms: {} })],
    ['nodes[0].zzzzz is not known here', withNodes({ node_type: 'A', zzzzz: {} })],
    ['version must be "v1", got "v2" (string)', { version: 'v2', nodes: [{ node_type: 'A' }] }],
    ['version is missing', { nodes: [{ node_type: 'A' }] }],
    ['nodes is missing', { version: 'v1' }],
    [
      'conections is not known here (did you mean "connections"?)',
      { version: 'v1', nodes: [{ node_type: 'A' }], conections: [] },
    ],
    ['must be an object, got 5 (number)', 5],
    ['must be an object, got an array', []],
  ])('%s', (expected, manifest) => {
    expect(message(manifest)).toBe(`Invalid manifest: ${expected}.`);
  });

  it('lists all problems, one a line, and carries the first path', () => {
    const error = errorOf(() =>
      validateManifest(withNodes({ type: 'A' }, { node_type: 'B', is_streaming: 'yes' })),
    );
    expect(error.message).toBe(
      [
        'Invalid manifest, 3 problems:',
        '  nodes[0].node_type is missing.',
        '  nodes[0].type is not known here (did you mean "node_type"?).',
        '  nodes[1].is_streaming must be true or false, got "yes" (string).',
      ].join('\n'),
    );
    expect(error).toMatchObject({ path: 'nodes[0].node_type', code: 'RM_INVALID_MANIFEST' });
  });

  it('names duplicate ids', () => {
    const nodes = [
      { id: 'a', node_type: 'A' },
      { id: 'a', node_type: 'B' },
    ];
    expect(message({ version: 'v1', nodes })).toBe(
      'Invalid manifest: nodes[1].id "a" is the id of nodes[0] already.',
    );
  });

  it('names unknown ids and self loops in connections', () => {
    const nodes = [
      { id: 'resample', node_type: 'A' },
      { id: 'vad', node_type: 'B' },
    ];
    const connections = [
      { from: 'resampel', to: 'vad' },
      { from: 'vad', to: 'vad' },
    ];
    expect(message({ version: 'v1', nodes, connections })).toBe(
      [
        'Invalid manifest, 2 problems:',
        '  connections[0].from names no node: there is no id "resampel" (did you mean "resample"?).',
        '  connections[1] connects "vad" to itself.',
      ].join('\n'),
    );
  });

  it('knows the words that others use for the ends of a connection', () => {
    const manifest = {
      version: 'v1',
      nodes: [{ id: 'a', node_type: 'A' }],
      connections: [{ source: 'a', to: 'a' }],
    };
    expect(message(manifest)).toContain('connections[0].source is not known here (did you mean "from"?)');
  });
});

describe('validateNodeEntry', () => {
  it('leaves a missing id to the caller', () => {
    expect(validateNodeEntry({ node_type: 'A' }, '[2]')).toEqual({ node_type: 'A', params: {} });
  });

  it('begins paths where the entry lies', () => {
    const error = errorOf(() => validateNodeEntry({ node_type: 5 }, '[2]'));
    expect(error.message).toBe('Invalid node entry: [2].node_type must be a string, got 5 (number).');
    expect(error.path).toBe('[2].node_type');
  });
});

describe('manifestJsonSchema', () => {
  it('is what schema/manifest.v1.json holds (npm run build writes it)', async () => {
    const committed = await readFile(new URL('../../schema/manifest.v1.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed)).toEqual(manifestJsonSchema());
  });
});
