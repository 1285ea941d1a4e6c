import { describe, expect, it } from 'vitest';
import { manifestProblemWithString, pipelineToManifest, validateManifest } from './index.js';

describe('pipelineToManifest', () => {
  const describeWith = (params: Record<string, unknown>): ReturnType<typeof pipelineToManifest> =>
    pipelineToManifest({
      name: 'p',
      nodes: [
        { id: 'a', type: 'CalculatorNode', params, executor: 'worker', isStreaming: false },
        { id: 'b', type: 'Split', params: {}, isStreaming: true },
      ],
      connections: [{ from: 'a', to: 'b' }],
    });

  it('writes what validateManifest reads', () => {
    const manifest = describeWith({ operand: 5, list: [1, { a: null }] });
    expect(validateManifest(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
    expect(manifest.nodes).toEqual([
      {
        id: 'a',
        node_type: 'CalculatorNode',
        params: { operand: 5, list: [1, { a: null }] },
        executor: 'worker',
      },
      { id: 'b', node_type: 'Split', params: {}, is_streaming: true },
    ]);
  });

  it('gives the time of writing as ISO 8601 with Z', () => {
    expect(describeWith({}).metadata.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it.each([
    ['model.fn is a function fn, which', { model: { fn: (x: unknown) => x } }],
    ['list[0] is a Map, which', { list: [new Map()] }],
    ['big is 5 (bigint), which', { big: 5n }],
    ['rate is NaN (number), which', { rate: NaN }],
  ])('refuses a parameter that JSON cannot hold: %s', (expected, params) => {
    expect(() => describeWith(params)).toThrow(
      `Invalid manifest: nodes[0].params.${expected} no manifest can hold`,
    );
  });

  it('refuses a parameter that lies in itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => describeWith({ loop })).toThrow('nodes[0].params.loop.self refers to what it lies in');
  });
});

describe('manifestProblemWithString', () => {
  it.each([
    'pipeline.yaml',
    './p/pipeline.json',
    'C:\\p\\pipeline.yml',
    'pipeline.ts',
    'examples/voice',
    '/tmp/x',
    ' p.mjs\n',
  ])('takes %j for a path and names the loader', (text) => {
    expect(manifestProblemWithString(text)).toContain(`loadPipeline(${JSON.stringify(text.trim())})`);
  });

  it.each([
    '{"version": "v1"}',
    'version: v1\nnodes:\n  - node_type: ./a.js#A\n',
    '{version: v1, nodes: [./x.json]}',
    'hello',
  ])('takes %j for text', (text) => {
    expect(manifestProblemWithString(text)).toBeUndefined();
  });
});
