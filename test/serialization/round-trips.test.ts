import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { roundTrip, runProgram } from './programs.ts';

const { sent, received } = roundTrip('sender.mjs');
/** What they hold after one trip is made for that program only. */
const ONCE = new Set(['constructed on the other side']);

describe('a fresh process', () => {
  it.each(Object.keys(sent))('does what the sender does: %s', (name) => {
    expect(sent[name]?.error).toBeUndefined();
    expect(received[name]?.here).toEqual(sent[name]?.expected);
    if (!ONCE.has(name)) expect(received[name]?.again).toEqual(sent[name]?.expected);
  });
});

describe.each(['lexical-this.mjs', 'replaced.mjs', 'attributes.mjs'])('a fresh process, of %s', (program) => {
  const { sent, received } = roundTrip(program);
  it.each(Object.keys(sent))('does what the sender does: %s', (name) => {
    expect(sent[name]?.error).toBeUndefined();
    expect(received[name]?.here).toEqual(sent[name]?.expected);
    expect(received[name]?.again).toEqual(sent[name]?.expected);
  });
});

describe('ways of loading', () => {
  it('carries nodes of a TypeScript program that tsx runs', () => {
    const { sent, received } = roundTrip('loading/typed.mts', ['--import', 'tsx']);
    expect(received['typed']?.here).toEqual(sent['typed']?.expected);
    expect(received['typed']?.again).toEqual(sent['typed']?.expected);
  });

  it('carries classes of a CommonJS program', () => {
    const { sent, received } = roundTrip('loading/common.cjs');
    expect(received['common']?.here).toEqual(sent['common']?.expected);
    expect(received['common']?.again).toEqual(sent['common']?.expected);
  });

  it.runIf('require_module' in process.features)(
    'carries classes of a program that requires ES modules',
    () => {
      const { sent, received } = roundTrip('loading/required.cjs');
      expect(received['required']?.here).toEqual(sent['required']?.expected);
      expect(received['required']?.again).toEqual(sent['required']?.expected);
    },
  );

  it('carries nodes of a bundled and minified program', () => {
    const folder = mkdtempSync(join(import.meta.dirname, '.bundle-'));
    try {
      buildSync({
        entryPoints: [join(import.meta.dirname, 'loading/typed.mts')],
        outfile: join(folder, 'bundle.mjs'),
        bundle: true,
        minify: true,
        keepNames: true,
        format: 'esm',
        platform: 'node',
        external: ['remotemedia', 'remotemedia/*'],
        logLevel: 'silent',
      });
      const { sent, received } = roundTrip(join(folder.slice(import.meta.dirname.length + 1), 'bundle.mjs'));
      expect(received['typed']?.here).toEqual(sent['typed']?.expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('carries a value into a worker thread, large buffers beside it', () => {
    const { expected, here, outOfBand } = runProgram<Record<string, unknown>>('loading/in-worker.mjs');
    expect(here).toEqual(expected);
    expect(outOfBand).toBe(1);
  });
});
