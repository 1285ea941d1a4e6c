import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findNode, registeredNodes } from '../node/index.js';
import { PassThroughNode } from './index.js';

describe('built-in nodes', () => {
  it('are registered with and without the suffix', () => {
    expect(findNode('PassThrough')).toBe(PassThroughNode);
    expect(findNode('PassThroughNode')).toBe(PassThroughNode);
    expect(registeredNodes().map(({ type }) => type)).toEqual([
      'CalculatorNode',
      'Chunker',
      'JsonLinesSink',
      'LevelMeter',
      'PassThroughNode',
      'Resampler',
      'TextSink',
      'WavDecoder',
      'WavSource',
    ]);
  });

  it('say what they do, and describe each parameter', () => {
    for (const { nodeClass } of registeredNodes()) {
      expect(nodeClass.description).toMatch(/^[A-Z].*\.$/);
      const properties = Object.entries(nodeClass.parameters?.properties ?? {});
      for (const [, schema] of properties) expect(schema).toHaveProperty('description');
      for (const name of nodeClass.parameters?.required ?? [])
        expect(properties.map(([key]) => key)).toContain(name);
    }
  });

  it('import heavy libraries in functions only', async () => {
    const folder = import.meta.dirname;
    const files = (await readdir(folder)).filter(
      (name) => name.endsWith('.ts') && !/\.(test|d)\.ts$/.test(name),
    );
    expect(files).toContain('resampler.ts');
    for (const file of files) {
      const text = await readFile(join(folder, file), 'utf8');
      const imported = [...text.matchAll(/^(?:import|export) (?!type)[^;]*? from '([^']+)'/gm)].map(
        ([, from]) => from,
      );
      expect(imported.filter((from) => !/^(node:|\.)/.test(from ?? ''))).toEqual([]);
    }
  });

  it('pass the very object through', () => {
    const item = { some: 'thing' };
    expect(new PassThroughNode().process(item)).toBe(item);
  });
});
