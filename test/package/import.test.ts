import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'remotemedia-import-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The files that a program loads, by what the engine has seen of them. */
function loadedBy(script: string): string[] {
  const coverage = mkdtempSync(join(folder, 'coverage-'));
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: PROJECT,
    env: { ...process.env, NODE_V8_COVERAGE: coverage },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const reports = readdirSync(coverage).map((name) => readFileSync(join(coverage, name), 'utf8'));
  return reports.flatMap((report) =>
    (JSON.parse(report) as { result: { url: string }[] }).result
      .map(({ url }) => url)
      .filter((url) => url.startsWith('file:')),
  );
}

const RUN = `import { Node, Pipeline } from 'remotemedia';
class Double extends Node { process(item) { return item * 2; } }
if (await new Pipeline([new Double()]).run(21) !== 42) process.exit(1);`;

describe('a program loads only what it uses', () => {
  test.each([
    ['importing the package', "import 'remotemedia';"],
    ['running TypeScript nodes', RUN],
  ])('%s loads no other host, no channel, no codec, no schema library', (_, script) => {
    const loaded = loadedBy(script);
    expect(loaded.some((url) => url.endsWith('/dist/index.js'))).toBe(true);
    const unused =
      /python-host|child-process|\/dist\/(channels|protocol|wire|slabs|manifest|cli)\/|node_modules\/(koffi|zod|yaml|msgpackr|mediabunny|leven|commander)\//;
    expect(loaded.filter((url) => unused.test(url))).toEqual([]);
  });
});
