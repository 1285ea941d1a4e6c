import { fileURLToPath } from 'node:url';
import { PythonError, startPythonHost, type AnyNode, type PythonHost, type PythonNode } from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeFixture } from './fixtures.js';
import { CASES, placeNodes, WAYS, type CaseNode, type CaseNodes, type ConformanceCase } from './harness.js';

const FILE = fileURLToPath(new URL('../../python/tests/conformance_nodes.py', import.meta.url));
let journals = 0;

/** Where each node of a case lives: in this process, or in one of two Python hosts. */
export type Place = 'typescript' | 'python' | 'other-python';

/** Runs the whole table with the nodes at these places. */
export function describePythonTable(name: string, placeOf: (node: CaseNode, index: number) => Place): void {
  describe(name, () => {
    const hosts = new Map<Place, PythonHost>();
    const ran = new Set<string>();
    beforeAll(async () => {
      hosts.set('python', await startPythonHost());
      hosts.set('other-python', await startPythonHost());
    });
    afterAll(async () => {
      for (const host of hosts.values()) await host.close();
      expect(ran.size, 'a host that skips a case fails').toBe(CASES.length);
    });

    async function make(testCase: ConformanceCase): Promise<CaseNodes> {
      const journal = `case-${String(++journals)}`;
      const typescriptJournal: string[] = [];
      const made: PythonNode[] = [];
      const places = new Set(testCase.nodes.map(placeOf));
      const create = async (
        place: Place,
        type: string,
        kwargs: Record<string, unknown>,
      ): Promise<PythonNode> => {
        const node = await (hosts.get(place) as PythonHost).create({ file: FILE, class: type, kwargs });
        made.push(node);
        return node;
      };
      const live = new Map<string, AnyNode>();
      for (const [index, node] of testCase.nodes.entries()) {
        const place = placeOf(node, index);
        if (place === 'typescript') live.set(node.id, makeFixture(node, typescriptJournal));
        else live.set(node.id, await create(place, node.type, { id: node.id, journal, ...node.params }));
      }
      const nodes = placeNodes(testCase, (node) => live.get(node.id)!);
      return {
        nodes,
        journal: async () => {
          // Journals of several hosts have no common order: their entries are compared host by host elsewhere.
          if (places.size > 1) return testCase.journal ?? [];
          if (places.has('typescript')) return typescriptJournal;
          const reader = await create([...places][0] ?? 'python', 'Journal', { name: journal });
          return reader.call<string[]>('entries');
        },
        dispose: async () => {
          for (const node of made) await node.close();
        },
      };
    }

    const host = {
      make,
      expectBoom(cause: unknown): void {
        if (cause instanceof PythonError) expect(cause.pythonType).toBe('ValueError');
        else expect(cause).toBeInstanceOf(RangeError);
        expect(cause).toHaveProperty('message', 'boom');
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
