import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const CLI = join(import.meta.dirname, '../../dist/cli/main.js');

function explain(file: string): {
  readonly lines: string[];
  readonly status: number | null;
  readonly stderr: string;
} {
  const path = join(import.meta.dirname, 'programs', file);
  const { stdout, stderr, status } = spawnSync(process.execPath, [CLI, 'doctor', '--serialize', path], {
    encoding: 'utf8',
  });
  return { lines: stdout.split('\n').map((line) => line.trim()), stderr, status };
}

test.each(['exported.mjs', 'exported.mts'])(
  'remotemedia doctor --serialize %s says how its nodes would go',
  (file) => {
    const { lines, status } = explain(file);
    expect(
      lines
        .filter((line) => /^\S+: \w+, /.test(line))
        .map((line) => line.replace(/[\d,]+ bytes$/, 'N bytes')),
    ).toEqual(['nodes[0]: Local, N bytes', 'pipeline[0]: Waiting, cannot be sent', 'shout: Shout, N bytes']);
    expect(lines.find((line) => line.includes('class Shout'))).toMatch(/Shout of file:.*nodes\.mjs$/);
    expect(lines.filter((line) => line.startsWith('Cannot serialize'))).toEqual([
      expect.stringContaining('node "pipeline[0]": attribute "pool.sockets[0]" is a Promise'),
    ]);
    expect(status).toBe(4);
  },
);

test('a module without nodes is an error', () => {
  const { stderr, status } = explain('ways.cjs');
  expect(stderr).toContain('ways.cjs exports no node. Export instances, lists of them, or a Pipeline.');
  expect(status).not.toBe(0);
});
