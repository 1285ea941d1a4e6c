import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { AnyNode } from 'remotemedia';
import type { NodeSettings } from '../../dist/node/index.js';
import { afterAll, describe, expect, test } from 'vitest';
import {
  CASES,
  placeNodes,
  WAYS,
  type CaseNode,
  type CaseNodes,
  type ConformanceCase,
  type Way,
} from './harness.js';

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

/** Where the instances of a table go. */
export interface InstanceTable {
  readonly name: string;
  readonly executor: 'worker' | 'process';
  readonly group?: string;
  /** What is stated for a node besides. */
  readonly settingsOf?: (testCase: ConformanceCase, fixture: CaseNode, node: AnyNode) => NodeSettings;
  /** Ways in which the cases are run. @defaultValue all */
  readonly ways?: readonly Way[];
}

/** Runs the whole table with live instances of this program, which are sent to a worker or a process. */
export function describeInstanceTable(table: InstanceTable): void {
  const { name, executor, group, settingsOf = () => ({}), ways = WAYS } = table;
  describe(`live instances in ${name}`, () => {
    const ran = new Set<string>();
    let journals = 0;
    afterAll(() => {
      expect(ran.size, 'a host that skips a case fails').toBe(CASES.length);
    });

    function make(testCase: ConformanceCase): CaseNodes {
      const file = join(folder, `${name}-${String(++journals)}`);
      writeFileSync(file, '');
      const nodes = placeNodes(testCase, (fixture) => {
        const node = makeTravelling(fixture, file);
        node.executor = executor;
        node.group = group;
        return Object.assign(node, settingsOf(testCase, fixture, node));
      });
      // What the originals note, before they are sent, is not of the run.
      const here = placeName();
      const journalOfHosts = (): string[] =>
        readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '' && !line.startsWith(`${here} `))
          .map((line) => line.slice(line.indexOf(' ') + 1));
      return { nodes, journal: () => inOrderOfCase(journalOfHosts(), testCase, nodes) };
    }

    const host = {
      make,
      expectBoom(cause: unknown): void {
        expect(cause).toBeInstanceOf(RangeError);
        expect(cause).toMatchObject({ name: 'RangeError', message: 'boom' });
      },
    };
    for (const testCase of CASES) {
      test.each(ways.filter((way) => way.isFor(testCase)))(
        `${testCase.name} ($name)`,
        async ({ expectCase }) => {
          await expectCase(testCase, host);
          ran.add(testCase.name);
        },
      );
    }
  });
}

/** Copies of a node have no common order: each entry is to be there as often as there are copies. */
function inOrderOfCase(
  entries: string[],
  { journal = [] }: ConformanceCase,
  nodes: CaseNodes['nodes'],
): readonly string[] {
  const copiesOf = (entry: string): number => nodes.get(entry.split('.')[0] ?? '')?.replicas ?? 1;
  if ([...nodes.values()].every(({ replicas }) => replicas === undefined)) return entries;
  expect(entries.sort()).toEqual(
    journal.flatMap((entry) => Array<string>(copiesOf(entry)).fill(entry)).sort(),
  );
  return journal;
}
