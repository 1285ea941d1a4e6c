import { fileURLToPath } from 'node:url';
import { executePipeline, type AnyNode } from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTypeScriptHost, type TypeScriptHost } from '../../dist/hosts/index.js';
import { CASES, placeNodes, WAYS, type CaseNodes, type ConformanceCase } from './harness.js';

type Made = Awaited<ReturnType<TypeScriptHost['create']>>;

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
let journals = 0;

/** Runs the whole table with all nodes in a thread or process of this package. */
export function describeTypeScriptTable(kind: 'thread' | 'process'): void {
  describe(`in a ${kind}`, () => {
    let typescript: TypeScriptHost;
    const ran = new Set<string>();
    beforeAll(async () => {
      typescript = await startTypeScriptHost({ kind, name: kind });
    });
    afterAll(async () => {
      await typescript.close();
      expect(ran.size, 'a host that skips a case fails').toBe(CASES.length);
    });

    async function make(testCase: ConformanceCase): Promise<CaseNodes> {
      const journal = `case-${String(++journals)}`;
      const made: Made[] = [];
      const create = async (type: string, params: object): Promise<Made> => {
        const node = await typescript.create({
          node_type: `./worker-fixtures.ts#${type}`,
          params: { ...params },
          baseDir: FOLDER,
          path: 'nodes[0]',
        });
        made.push(node);
        return node;
      };
      const live = new Map<string, AnyNode>();
      for (const { id, type, params } of testCase.nodes)
        live.set(id, await create(type, { id, journal, ...params }));
      return {
        nodes: placeNodes(testCase, (node) => live.get(node.id)!),
        journal: async () =>
          (await executePipeline([await create('Journal', { name: journal })])) as string[],
        dispose: () => typescript.release(made),
      };
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
