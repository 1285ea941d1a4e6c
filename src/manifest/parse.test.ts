import { describe, expect, it } from 'vitest';
import { parseManifest } from './index.js';

const YAML = `version: v1
metadata:
  name: voice
nodes:
  - id: a
    node_type: Calculator
    params: # nothing
  - id: b
    node_type: PassThrough
connections:
  - { from: a, to: b }
`;

const messageOf = (text: string, sourceName?: string): string => {
  try {
    parseManifest(text, sourceName);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
};

describe('parseManifest', () => {
  it('reads YAML', () => {
    expect(parseManifest(YAML)).toEqual({
      version: 'v1',
      metadata: { name: 'voice' },
      nodes: [
        { id: 'a', node_type: 'Calculator', params: {} },
        { id: 'b', node_type: 'PassThrough', params: {} },
      ],
      connections: [{ from: 'a', to: 'b' }],
    });
  });

  it('reads JSON, also behind a byte order mark', () => {
    const text = JSON.stringify({ version: 'v1', nodes: [{ node_type: 'A' }] });
    expect(parseManifest(text).nodes).toHaveLength(1);
    expect(parseManifest(`\uFEFF${text}`, 'p.json').nodes).toHaveLength(1);
    expect(parseManifest(`\uFEFF${YAML}`, 'p.yaml').nodes).toHaveLength(2);
  });

  it('reads YAML that begins with a brace', () => {
    expect(parseManifest('{ version: v1, nodes: [{ node_type: A }] }').nodes).toHaveLength(1);
  });

  it('knows YAML anchors and merge keys', () => {
    const text =
      'version: v1\nx-base: &base { node_type: A, executor: worker }\nnodes:\n  - { <<: *base, id: a }\n  - { <<: *base, id: b }\n';
    expect(parseManifest(text).nodes[1]).toEqual({ id: 'b', node_type: 'A', executor: 'worker', params: {} });
  });

  it('names file, line and column of a YAML error', () => {
    expect(messageOf('version: v1\nnodes: [\n', 'p.yaml')).toMatch(
      /^Invalid manifest p\.yaml: not readable as YAML: .+ \(line \d, column \d\)\.$/,
    );
  });

  it.each([
    ['{\n  "version": v1\n}', 'line 2, column 14'],
    ['{\n  "version": "v1",', 'line 2, column 19'],
    ['{"a": 1,}', 'line 1, column 9'],
    ['{\n"a":}', 'line 2, column 5'],
    ["{\n  'a': 1}", 'line 2, column 3'],
    ['{\n  "a": [tru, 5]}', 'line 2, column 12'],
  ])('names line and column of the JSON error in %j', (text, place) => {
    expect(messageOf(text, 'p.json')).toMatch(/^Invalid manifest p\.json: not readable as JSON: /);
    expect(messageOf(text, 'p.json')).toContain(`(${place})`);
  });

  it('names line and column of what breaks the schema, in YAML and JSON', () => {
    const bad = YAML.replace('node_type: PassThrough', 'node_type: 5');
    expect(messageOf(bad, 'p.yaml')).toBe(
      'Invalid manifest p.yaml: nodes[1].node_type must be a string, got 5 (number) (line 9, column 16).',
    );
    expect(messageOf('{"version": "v1",\n "nodes": [{"id": "a"}]}')).toBe(
      'Invalid manifest: nodes[0].node_type is missing (line 2, column 12).',
    );
  });

  it.each(['', 'hello', '# only a comment'])('refuses %j', (text) => {
    expect(messageOf(text)).toMatch(/^Invalid manifest: must be an object, got /);
  });

  it('refuses aliases that unfold to too much', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}*a${i}]`,
    );
    expect(messageOf(`a0: &a0 x\n${levels.join('\n')}\n`)).toContain('alias');
  });
});
