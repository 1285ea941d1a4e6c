import { fileURLToPath } from 'node:url';
import {
  configureHosts,
  executePipelineWithInput,
  HostDiedError,
  Node,
  Pipeline,
  type Manifest,
} from 'remotemedia';
import { expect, test } from 'vitest';
import { childrenOf } from '../engine/proc.js';

const baseDir = fileURLToPath(new URL('../engine', import.meta.url));
const where = (executor?: string): Manifest => ({
  version: 'v1',
  metadata: { name: 'where' },
  nodes: [
    {
      id: 'where',
      node_type: 'typescript:./nodes.ts#Where',
      params: {},
      ...(executor === undefined ? {} : { executor }),
    },
  ],
  connections: [],
});
// What a run starts ends with it.
configureHosts({ maxIdle: 0 });

const runWhere = async (executor?: string): Promise<{ pid: number; thread: number }> =>
  (await Pipeline.fromManifest(where(executor), { baseDir }).run('x')) as { pid: number; thread: number };

test('a TypeScript type runs in this thread, in a worker or in a process, as its entry says', async () => {
  expect(await runWhere()).toEqual({ pid: process.pid, thread: 0 });
  const worker = await runWhere('worker');
  expect(worker.pid).toBe(process.pid);
  expect(worker.thread).toBeGreaterThan(0);
  const { pid } = await runWhere('process');
  expect(pid).not.toBe(process.pid);
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

test('the prefix "typescript:" names a type of this language', async () => {
  expect(await executePipelineWithInput([{ node_type: 'typescript:PassThrough' }], [1, 2])).toEqual([1, 2]);
});

test('nodes in hosts of their own mix with live objects, in order', async () => {
  class Exclaim extends Node<string, string> {
    process(text: string): string {
      return `${text}!`;
    }
  }
  const entries = [
    new Exclaim(),
    { node_type: `${baseDir}/nodes.ts#Upper`, executor: 'worker' },
    { node_type: `${baseDir}/nodes.ts#Upper`, executor: 'process' },
    new Exclaim(),
  ];
  const inputs = Array.from({ length: 2000 }, (_, index) => `item ${String(index)}`);
  const outputs = await executePipelineWithInput(entries, inputs);
  expect(outputs).toEqual(inputs.map((text) => `${text.toUpperCase()}!!`));
});

test('a plan says why, and leaves no process', async () => {
  // What compiles TypeScript files for hosts before this one may still be ending.
  const before = childrenOf(process.pid);
  const plan = await Pipeline.fromManifest(where('process'), { baseDir }).plan();
  expect(plan.segments.map(({ host }) => host)).toContain('process:where');
  expect(plan.nodes.find(({ id }) => id === 'where')?.why).toContain('process');
  expect(before).toEqual(expect.arrayContaining(childrenOf(process.pid)));
});

test('a process that ends fails the run, and the program goes on', async () => {
  const crash = new Pipeline([{ node_type: `${baseDir}/nodes.ts#Crash`, params: {}, executor: 'process' }]);
  await expect(crash.run('exit')).rejects.toThrow(HostDiedError);
  await expect(crash.run('exit')).rejects.toMatchObject({ exitCode: 3 });
});
