import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import { CASES, placeNodes, WAYS, type CaseNodes, type ConformanceCase } from './harness.js';

/**
 * The fixtures as Node.js itself loads them; vitest loads what lies in a folder `dist` in that way. What it makes of an import elsewhere cannot leave
 * this process.
 */
const folder = mkdtempSync(join(import.meta.dirname, '.instances-'));
buildSync({
  entryPoints: [join(import.meta.dirname, 'instance-fixtures.ts')],
  outfile: join(folder, 'dist', 'fixtures.mjs'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  packages: 'external',
  logLevel: 'silent',
});
const { makeTravelling, placeName } = (await import(
  join(folder, 'dist', 'fixtures.mjs')
)) as typeof import('./instance-fixtures.js');
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the whole table with live instances of this program, which are sent to a worker or a process. */
export function describeInstanceTable(executor: 'worker' | 'process', group: string | undefined): void {
  describe(`live instances in ${group === undefined ? `a ${executor} each` : `one ${executor}`}`, () => {
    const ran = new Set<string>();
    let journals = 0;
    afterAll(() => {
      expect(ran.size, 'a host that skips a case fails').toBe(CASES.length);
    });

    function make(testCase: ConformanceCase): CaseNodes {
      const file = join(folder, `${executor}-${group ?? ''}-${String(++journals)}`);
      writeFileSync(file, '');
      const nodes = placeNodes(testCase, (fixture) => {
        const node = makeTravelling(fixture, file);
        node.executor = executor;
        node.group = group;
        return node;
      });
      // What the originals note, before they are sent, is not of the run.
      const here = placeName();
      const journalOfHosts = (): string[] =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith(`${here} `))
          .map((line) => line.slice(line.indexOf(' ') + 1));
      return { nodes, journal: journalOfHosts };
    }

    const host = {
      make,
      expectBoom(cause: unknown): void {
        expect(cause).toBeInstanceOf(RangeError);
        expect(cause).toMatchObject({ name: 'RangeError', message: 'boom' });
      },
    };
    for (const testCase of CASES) {
      test.each(WAYS.filter((way) => way.isFor(testCase)))(
        `${testCase.name} ($name)`,
        async ({ expectCase }) => {
          await expectCase(testCase, host);
          ran.add(testCase.name);
        },
      );
    }
  });
}
