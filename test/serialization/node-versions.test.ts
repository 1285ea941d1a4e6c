import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeVersions } from '../../scripts/setup-node-versions.mjs';
import { roundTrip, runProgram } from './programs.ts';

const PROGRAMS = join(import.meta.dirname, '../instances/programs');
const OUTPUT = (isSameProcess: boolean): string =>
  JSON.stringify(
    ['a', 'b'].map((item, index) =>
      `item ${String(index + 1)}: ${item} ${String(isSameProcess)}!`.toUpperCase(),
    ),
  );

/** `npm test` installs them; without it only what runs this has been tested. */
describe.skipIf(nodeVersions().length === 0).each(nodeVersions())('Node.js $version', ({ path }) => {
  const senders = ['sender.mjs', 'lexical-this.mjs', 'replaced.mjs', 'attributes.mjs'];
  it.each(senders)('carries what %s sends into a fresh process', { timeout: 180_000 }, (sender) => {
    const { sent, received } = roundTrip(sender, [], path);
    expect(Object.values(sent).flatMap(({ error }) => error ?? [])).toEqual([]);
    const names = Object.keys(sent);
    expect(names.map((name) => [name, received[name]?.here])).toEqual(
      names.map((name) => [name, sent[name]?.expected]),
    );
  });

  it('refuses what cannot be carried, with the same paths', () => {
    const refused = runProgram<Record<string, Record<'expected' | 'path', string>>>('refused.mjs', {
      node: path,
    });
    expect(Object.keys(refused).length).toBeGreaterThan(50);
    const refusals = Object.entries(refused);
    expect(refusals.map(([name, { path }]) => [name, path])).toEqual(
      refusals.map(([name, { expected }]) => [name, expected]),
    );
  });

  it('carries nodes of a TypeScript program whose types Node.js strips', () => {
    const { sent, received } = roundTrip('loading/typed.mts', [], path);
    expect(received['typed']?.here).toEqual(sent['typed']?.expected);
  });

  it('carries classes of a CommonJS program', () => {
    const { sent, received } = roundTrip('loading/common.cjs', [], path);
    expect(received['common']?.here).toEqual(sent['common']?.expected);
  });

  it.each(['ways.mts', 'ways.cjs'])('runs the nodes of %s in a worker and in a process', (program) => {
    const { stdout, stderr } = spawnSync(path, [join(PROGRAMS, program)], { encoding: 'utf8' });
    expect(stderr).not.toMatch(/Error/);
    expect(stdout.trimEnd().split('\n')).toEqual([OUTPUT(true), OUTPUT(false)]);
  });
});
