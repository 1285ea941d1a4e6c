import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, Folder, MAIN } from './cli.js';

const STRIPS_TYPES = Boolean((process.features as { typescript?: unknown }).typescript);

let folder: Folder;
let good: string;

beforeAll(async () => {
  folder = await Folder.make();
  good = await folder.file(
    'good.yaml',
    'version: v1\nmetadata: { name: good }\nnodes:\n  - { id: a, node_type: PassThrough }\n  - { id: b, node_type: PassThroughNode }\n',
  );
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('remotemedia', () => {
  it('is executable and begins with a shebang', async () => {
    expect(await readFile(MAIN, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(() => accessSync(MAIN, constants.X_OK)).not.toThrow();
  });

  it('shows help on stdout when asked, and on stderr with exit code 2 when called without a command', async () => {
    const asked = await cli(['--help']);
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(asked.stdout).toContain('Usage: remotemedia');
    const bare = await cli([]);
    expect(bare).toMatchObject({ code: 2, stdout: '' });
    expect(bare.stderr).toContain('Usage: remotemedia');
  });

  it('says its version', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    [['fly'], "unknown command 'fly'"],
    [['run'], "missing required argument 'file'"],
    [['run', 'x.yaml', '--fast'], "unknown option '--fast'"],
    [['run', 'x.yaml', '--input-format', 'mp3'], 'Allowed choices are jsonl, json, text, wav'],
    [['run', 'x.yaml', '--input', 'nowhere.wav'], '--input nowhere.wav: there is no such file.'],
    [
      ['run', 'x.yaml', '--input', 'package.json', '--input', 'LICENSE'],
      '--input LICENSE has no extension: say how to read it with',
    ],
    [['run', 'x.yaml', '-i', '-', '-i', '-'], '--input - can only be given once.'],
    [['plan', 'x.yaml', '--json', '--mermaid'], "cannot be used with option '--mermaid'"],
  ])('exits with 2 for wrong usage: %j', async (args, message) => {
    const { code, stdout, stderr } = await cli(args);
    expect(stderr).toMatch(/^remotemedia: /);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('exits with 2 where the output cannot be opened', async () => {
    const { code, stderr } = await cli(['run', good, '-o', folder.join('no/folder/out.jsonl')]);
    expect(stderr).toMatch(/^remotemedia: --output .* cannot be opened: /);
    expect(code).toBe(2);
    expect((await cli(['run', good, '-o', folder.join('out.csv')])).code).toBe(2);
  });
});

describe.each(['validate', 'plan', 'run'])('remotemedia %s', (command) => {
  it('exits with 3 for a file that is not there', async () => {
    const { code, stderr, stdout } = await cli([command, folder.join('missing.yaml')]);
    expect(stderr).toBe(`remotemedia: Cannot load ${folder.join('missing.yaml')}: there is no such file.\n`);
    expect(stdout).toBe('');
    expect(code).toBe(3);
  });

  it('exits with 3 and names the place of everything that is wrong with a manifest', async () => {
    const file = await folder.file('bad.yaml', 'version: v1\nnodes:\n  - { id: a, node_typ: A }\n');
    const { code, stderr } = await cli([command, file]);
    expect(stderr).toBe(
      'remotemedia: Invalid manifest bad.yaml, 2 problems:\n' +
        '  nodes[0].node_type is missing (line 3, column 5).\n' +
        '  nodes[0].node_typ is not known here (did you mean "node_type"?) (line 3, column 24).\n',
    );
    expect(code).toBe(3);
  });

  it.each([
    ['PassThruNode', {}, 'did you mean "PassThroughNode"?'],
    ['Calculator', { operation: 'ad', operand: 1 }, 'nodes[0].params.operation must be "add" or '],
    ['./nowhere.js#Foo', {}, 'nowhere.js'],
  ])('exits with 3 for the node type %s with params %j', async (node_type, params, message) => {
    const file = await folder.file(
      'types.json',
      JSON.stringify({ version: 'v1', nodes: [{ node_type, params }] }),
    );
    const { code, stderr } = await cli([command, file]);
    expect(stderr).toContain(message);
    expect(code).toBe(3);
  });

  it('exits with 3 for a graph that goes round in circles', async () => {
    const nodes = ['a', 'b'].map((id) => ({ id, node_type: 'PassThrough' }));
    const connections = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
    ];
    const file = await folder.file('circle.json', JSON.stringify({ version: 'v1', nodes, connections }));
    expect((await cli([command, file])).code).toBe(3);
  });

  it('exits with 3 for a module without a pipeline', async () => {
    const { code, stderr } = await cli([command, await folder.file('none.mjs', 'export const x = 1;')]);
    expect(stderr).toContain('none.mjs exports no pipeline');
    expect(code).toBe(3);
  });

  it.skipIf(STRIPS_TYPES)('exits with 4 where TypeScript meets no tsx', async () => {
    const file = await folder.file('p.ts', 'export default [];');
    const { code, stderr } = await cli([command, file], { cwd: folder.path });
    expect(stderr).toContain('npm install --save-dev tsx');
    expect(code).toBe(4);
  });
});

describe('remotemedia validate', () => {
  it('says that a pipeline is ok', async () => {
    expect(await cli(['validate', good])).toEqual({
      code: 0,
      stdout: 'good.yaml: ok, 2 nodes in 1 segment\n',
      stderr: '',
    });
  });
});

describe('remotemedia plan', () => {
  it('shows segments as text, JSON and Mermaid', async () => {
    const asText = await cli(['plan', good]);
    expect(asText.stdout).toContain('runs in in-process');
    expect(asText.stdout).toContain('(PassThroughNode)');
    const asJson = JSON.parse((await cli(['plan', good, '--json'])).stdout);
    expect(asJson.name).toBe('good');
    expect(asJson.segments).toHaveLength(1);
    expect((await cli(['plan', good, '--mermaid'])).stdout).toMatch(/^flowchart LR\n/);
  });
});

describe('remotemedia nodes', () => {
  it('lists built-in nodes with their parameters', async () => {
    const { code, stdout } = await cli(['nodes']);
    expect(stdout).toMatch(/^CalculatorNode: \w/m);
    expect(stdout).toMatch(/^ +operation +"add" \| "subtract" \|/m);
    expect(stdout).toMatch(/^ +sampleRate +integer, required +\w/m);
    expect(code).toBe(0);
  });

  it('lists them as JSON', async () => {
    const records = JSON.parse((await cli(['nodes', '--json'])).stdout);
    const resampler = records.find((record: { node_type: string }) => record.node_type === 'Resampler');
    expect(resampler.parameters.properties.sampleRate.type).toBe('integer');
  });
});

describe('remotemedia doctor', () => {
  it('names what is there', async () => {
    const { stdout } = await cli(['doctor']);
    expect(stdout).toContain(`Node.js ${process.versions.node}`);
    expect(stdout).toMatch(/^ok +Python 3\.\d+\.\d+: \S/m);
    expect(stdout).toMatch(/^ok +tsx/m);
  });

  it.skipIf(process.platform !== 'linux')(
    'says which folder serves for shared memory, and how much is free',
    async () => {
      const { stdout } = await cli(['doctor']);
      expect(stdout).toMatch(
        /^ok +shared memory: \/\S+ \(\d+ MiB free, at most \d+ MiB for each process\)$/m,
      );
      const chosen = { REMOTEMEDIA_SHM_DIR: folder.join('no-memory') };
      const { code, stdout: without } = await cli(['doctor'], { env: chosen });
      expect(without).toMatch(/^missing +shared memory: no file without a name can be made in .*no-memory/m);
      expect(without).toContain('Let REMOTEMEDIA_SHM_DIR name a folder in memory');
      expect(code).toBe(4);
    },
  );

  it('exits with 4 and says what to do where Python is missing', async () => {
    const { code, stdout } = await cli(['doctor'], { env: { REMOTEMEDIA_PYTHON: folder.join('no-python') } });
    expect(stdout).toMatch(/^missing +Python: .*no-python/m);
    expect(stdout).toContain('Install Python 3.11 or newer');
    expect(code).toBe(4);
  });
});
