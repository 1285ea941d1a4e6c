import { fileURLToPath } from 'node:url';
import { Pipeline, type Manifest } from 'remotemedia';
import { expect, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const COUNT = 2000;

test.each([
  ['worker', { node_type: './hang.mjs#Hang', executor: 'worker' }],
  ['process', { node_type: './hang.mjs#Hang', executor: 'process' }],
  ['Python host', { node_type: './letters.py#Hang', executor: 'process' }],
  ['worker, in two copies', { node_type: './hang.mjs#Hang', executor: 'worker', replicas: 2 }],
])('the queue of a connection drops where the node is, in a %s, and nobody waits', async (_, entry) => {
  const manifest: Manifest = {
    version: 'v1',
    metadata: { name: 'edges' },
    nodes: [
      { id: 'here', node_type: 'PassThrough', params: {} },
      { id: 'hang', params: {}, ...entry },
    ],
    connections: [{ from: 'here', to: 'hang', queue: 'latest' }],
  };
  const session = await Pipeline.fromManifest(manifest, { baseDir: FOLDER }).open({ enableMetrics: true });
  await session.write(0);
  const outputs = [(await session.next()).value as number];
  // Far more than any window on the way holds.
  for (let item = 1; item < COUNT; item++) await session.write(item, { survives: true });
  session.interrupt();
  session.end();
  for await (const output of session) outputs.push(output as number);
  expect(outputs).toEqual([...outputs].sort((one, other) => one - other));
  expect(outputs.at(-1)).toBe(COUNT - 1);
  const dropped = session.metrics().nodeMetrics.find(({ nodeId }) => nodeId === 'hang')?.itemsDropped ?? 0;
  expect(outputs.length + dropped).toBe(COUNT);
});
