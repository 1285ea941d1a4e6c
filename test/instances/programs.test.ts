import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { gone } from '../engine/proc.js';

const FOLDER = join(import.meta.dirname, 'programs');
const OUTPUTS = ['["ITEM 1: A FALSE!","ITEM 2: B FALSE!"]', '["ITEM 1: A FALSE!","ITEM 2: B FALSE!"]'];

/** Runs a program to its end, which no kept host may hold up, and gives the lines that it printed. */
function linesOf(program: string, ...args: string[]): string[] {
  const all = [...args.filter((arg) => arg.startsWith('--')), join(FOLDER, program)];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...all, ...args.filter((arg) => !arg.startsWith('--'))],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`${program} ended with exit code ${String(status)}:\n${stderr}`);
  return stdout.trimEnd().split('\n');
}

test('what a sync node gives goes out while it computes', () => {
  expect(linesOf('overlap.mjs')).toEqual(['[0,1,2,3,4,5,6,7,8,9]']);
});

describe('ways of loading', () => {
  const [inWorker, inProcess] = OUTPUTS;
  // A worker is in this very process.
  const expected = [inWorker?.replaceAll('FALSE', 'TRUE'), inProcess];

  test('a TypeScript program that tsx runs', () => {
    expect(linesOf('ways.mts', '--import=tsx')).toEqual(expected);
  });

  test('a CommonJS program', () => {
    expect(linesOf('ways.cjs')).toEqual(expected);
  });

  test('an ES module, and a bundled and minified program', () => {
    const folder = mkdtempSync(join(FOLDER, '.bundle-'));
    try {
      for (const bundle of [false, true]) {
        buildSync({
          entryPoints: [join(FOLDER, 'ways.mts')],
          outfile: join(folder, '..', `.${String(bundle)}.mjs`),
          bundle,
          minify: bundle,
          format: 'esm',
          platform: 'node',
          ...(bundle ? { packages: 'external' as const } : {}),
          logLevel: 'silent',
        });
        expect(linesOf(`.${String(bundle)}.mjs`)).toEqual(expected);
      }
    } finally {
      rmSync(folder, { recursive: true });
      for (const bundle of [false, true]) rmSync(join(FOLDER, `.${String(bundle)}.mjs`), { force: true });
    }
  });
});

test('a bundle that includes remotemedia is told to leave it out', () => {
  const folder = mkdtempSync(join(FOLDER, '.bundle-'));
  try {
    buildSync({
      entryPoints: [join(FOLDER, 'bundled.mjs')],
      outfile: join(folder, 'bundle.mjs'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      banner: {
        js: `import { createRequire as make } from 'node:module'; const require = make(import.meta.url);`,
      },
      logLevel: 'silent',
    });
    const [here, worker, alone] = linesOf(join(folder.slice(FOLDER.length + 1), 'bundle.mjs'));
    expect(here).toBe('[2,4]');
    expect(worker).toMatch(/^RM_EXECUTOR_UNAVAILABLE .* mark remotemedia as external/);
    expect(alone).toMatch(/^RM_NOT_SERIALIZABLE .* mark remotemedia as external/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(['worker', 'process'])('two nodes with the executor %s run at the same time', (executor) => {
  expect(linesOf('meet.mjs', executor)).toEqual([
    '["left met right","left met right","right met left","right met left"]',
  ]);
});

test.each(['worker', 'process'])(
  'Ctrl-C ends a run in a %s, which cleans up, and leaves nothing',
  async (executor) => {
    const child = spawn(process.execPath, [join(FOLDER, 'waits.mjs'), executor], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.startsWith('[waits_0] in ')) child.kill('SIGINT');
    }
    expect(await exited).toEqual([null, 'SIGINT']);
    const [first = '', ...others] = lines.filter((line) => line !== 'cleaned up');
    expect(others).toEqual(['[waits_0] cleaned up', 'AbortError']);
    await gone(Number(first.replace(/^\D*0\D*/, '')));
  },
);
