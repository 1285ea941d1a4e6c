import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPipelineFile } from './load.js';
import { stripsTypes } from '../catalog/index.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remotemedia-load-'));
  // Installed, as in any project: else this package is named by a hook, which Node.js loads from the build alone.
  await mkdir(join(folder, 'node_modules'));
  await symlink(REPOSITORY, join(folder, 'node_modules/remotemedia'), 'junction');
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const rejection = async (path: string | URL): Promise<unknown> =>
  loadPipelineFile(path).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('loadPipelineFile', () => {
  const YAML = 'version: v1\nnodes:\n  - node_type: PassThrough\n';

  it('loads a manifest, with the folder that its node types resolve against', async () => {
    const path = await file('p.yaml', YAML);
    const expected = { baseDir: folder, manifest: { version: 'v1', nodes: [{ node_type: 'PassThrough' }] } };
    expect(await loadPipelineFile(path)).toMatchObject(expected);
    expect(await loadPipelineFile(pathToFileURL(path))).toMatchObject(expected);
    expect(await loadPipelineFile('p.yaml', { cwd: folder })).toMatchObject(expected);
  });

  it('names the file in the error of a broken manifest', async () => {
    const path = await file('broken.json', '{"version": "v1", "nodes": [{}]}');
    expect(await rejection(path)).toMatchObject({
      code: 'RM_INVALID_MANIFEST',
      message: expect.stringContaining(
        'Invalid manifest broken.json: nodes[0].node_type is missing (line 1,',
      ),
    });
  });

  it.each([
    ['default.mjs', 'export default ["a"];'],
    ['named.mjs', 'export const pipeline = ["a"]; export default 5;'],
    ['function.mjs', 'export default () => ["a"];'],
    ['async.mjs', 'export async function pipeline() { return ["a"]; }'],
    ['common.cjs', 'module.exports = ["a"];'],
    ['compiled.cjs', 'exports.__esModule = true; exports.default = ["a"];'],
    ['compiled-named.cjs', 'exports.__esModule = true; exports.pipeline = () => ["a"];'],
  ])('takes what %s exports', async (name, text) => {
    expect(await loadPipelineFile(await file(name, text))).toEqual({ pipeline: ['a'], baseDir: folder });
  });

  it.each([
    ['empty.mjs', 'export {};', 'neither a default export nor one named "pipeline"'],
    ['number.mjs', 'export default 5;', 'found number'],
    ['class.mjs', 'export default class Foo {}', 'found class Foo'],
    ['nothing.mjs', 'export default () => {};', 'found undefined (what the exported function gave)'],
  ])('says what is wrong with %s', async (name, text, problem) => {
    const error = await rejection(await file(name, text));
    expect(error).toMatchObject({ code: 'RM_MODULE', message: expect.stringContaining(problem) });
  });

  it('gives the cause of a module that fails', async () => {
    const error = await rejection(await file('throws.mjs', 'throw new RangeError("too far");'));
    expect(error).toMatchObject({
      code: 'RM_MODULE',
      message: 'Cannot load throws.mjs: RangeError: too far',
      cause: { name: 'RangeError' },
    });
  });

  it.each(['missing.yaml', 'missing.mjs'])('says that there is no file %s', async (name) => {
    const path = join(folder, name);
    expect(await rejection(path)).toMatchObject({
      code: 'RM_MODULE',
      message: `Cannot load ${path}: there is no such file.`,
    });
  });

  it('says which files it takes', async () => {
    expect(await rejection(await file('p.txt', YAML))).toMatchObject({
      code: 'RM_MODULE',
      message: expect.stringContaining('got .txt.'),
    });
  });

  describe('of TypeScript', () => {
    const TEXT = 'const nodes: string[] = ["a"];\nexport default nodes;\n';

    it.each(['module', 'commonjs'])(
      'loads through the tsx of the project, in a package of type %s',
      async (type) => {
        const project = `with-tsx-${type}`;
        await file(`${project}/package.json`, JSON.stringify({ name: 'x', type }));
        await mkdir(join(folder, project, 'node_modules'));
        await symlink(
          join(REPOSITORY, 'node_modules/tsx'),
          join(folder, project, 'node_modules/tsx'),
          'junction',
        );
        await file(`${project}/part.ts`, TEXT);
        const path = await file(
          `${project}/p.ts`,
          'import nodes from "./part.js";\nexport const pipeline: string[] = nodes;\n',
        );
        expect(await loadPipelineFile(path)).toEqual({ pipeline: ['a'], baseDir: join(folder, project) });
      },
    );

    it('says what is missing where there is no tsx', async () => {
      const path = await file('bare/p.ts', TEXT);
      const before = process.cwd();
      process.chdir(join(folder, 'bare'));
      try {
        if (stripsTypes()) expect(await loadPipelineFile(path)).toMatchObject({ pipeline: ['a'] });
        else {
          expect(await rejection(path)).toMatchObject({
            code: 'RM_TSX_NOT_FOUND',
            message: expect.stringContaining('npm install --save-dev tsx'),
          });
        }
      } finally {
        process.chdir(before);
      }
    });
  });
});
