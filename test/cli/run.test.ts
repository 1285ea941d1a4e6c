import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, Folder, outcomeOf, startCli, waitForText } from './cli.js';

const DOUBLE = `
version: v1
metadata: { name: double }
nodes:
  - { id: double, node_type: Calculator, params: { operation: multiply, operand: 2 } }
  - { id: pass, node_type: PassThrough }
`;

/** A source that never ends by itself, and says on stderr when it is cleaned up. */
const ENDLESS = `
export default [{
  initialize() {},
  async *source({ signal }) { for (let i = 0; ; i++) { await new Promise(setImmediate); yield i; } },
  cleanup() { process.stderr.write('cleaned up\\n'); },
}];
`;

/** Its second item never ends, whatever happens. */
const STUCK = `
export default [{
  initialize() {},
  process(item) { process.stderr.write('got ' + item + '\\n'); return new Promise(() => setInterval(() => {}, 1000)); },
}];
`;

let folder: Folder;
let double: string;
let numbers: string;

beforeAll(async () => {
  folder = await Folder.make();
  double = await folder.file('double.yaml', DOUBLE);
  numbers = await folder.file('numbers.jsonl', '1\n2\n\n3\n');
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('remotemedia run', () => {
  it('writes outputs, and nothing else, to stdout as JSON lines', async () => {
    const { code, stdout, stderr } = await cli(['run', double, '--input', numbers]);
    expect(stdout).toBe('2\n4\n6\n');
    expect(stderr).toMatch(/^remotemedia: done: 3 items in, 3 items out, \d+\.\d s\n$/);
    expect(code).toBe(0);
  });

  it('writes outputs to a file', async () => {
    const output = folder.join('out.jsonl');
    const { code, stdout } = await cli(['run', double, '-i', numbers, '-o', output]);
    expect(await readFile(output, 'utf8')).toBe('2\n4\n6\n');
    expect(stdout).toBe('');
    expect(code).toBe(0);
  });

  it('reads several inputs in order', async () => {
    const { stdout } = await cli(['run', double, '-i', numbers, '-i', numbers]);
    expect(stdout).toBe('2\n4\n6\n2\n4\n6\n');
  });

  it('gives a node without input the one empty text', async () => {
    const pass = await folder.file('pass.json', '{"version": "v1", "nodes": [{"node_type": "PassThrough"}]}');
    const { stdout, stderr } = await cli(['run', pass]);
    expect(stdout).toBe('""\n');
    expect(stderr).toMatch(/^remotemedia: done: 1 item out, /);
  });

  it.each([
    ['text.txt', 'one\r\ntwo', '"one"\n"two"\n'],
    ['doc.json', '[1, {"a": null}]', '[1,{"a":null}]\n'],
    ['lines.ndjson', '{"a": 1}\n"x"\n', '{"a":1}\n"x"\n'],
  ])('reads %s by its extension', async (name, text, expected) => {
    const pass = await folder.file('pass.json', '{"version": "v1", "nodes": [{"node_type": "PassThrough"}]}');
    const { stdout } = await cli(['run', pass, '--input', await folder.file(name, text)]);
    expect(stdout).toBe(expected);
  });

  it('reads standard input as text, or as asked', async () => {
    const pass = await folder.file('pass.json', '{"version": "v1", "nodes": [{"node_type": "PassThrough"}]}');
    expect((await cli(['run', pass, '-i', '-'], { input: '1\n2\n' })).stdout).toBe('"1"\n"2"\n');
    expect(
      (await cli(['run', double, '-i', '-', '--input-format', 'jsonl'], { input: '1\n2\n' })).stdout,
    ).toBe('2\n4\n');
  });

  it('decodes WAV files and standard input into audio frames', async () => {
    const meter = await folder.file(
      'meter.yaml',
      'version: v1\nnodes: [{ node_type: Chunker, params: { frames: 800 } }]\n',
    );
    const wav = wavFile(8000, 1600);
    const path = folder.join('a.wav');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(path, wav);
    const byFile = await cli(['run', meter, '-i', path]);
    expect(byFile.code).toBe(0);
    const frames = byFile.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(frames).toHaveLength(2);
    expect(frames[1]).toMatchObject({
      kind: 'audio',
      sampleRate: 8000,
      numberOfFrames: 800,
      timestampUs: 100_000,
    });
    const byStdin = await cli(['run', meter, '-i', '-', '--input-format', 'wav'], { input: wav });
    expect(byStdin.stdout).toBe(byFile.stdout);
  });

  it('writes texts to a .txt file as they are', async () => {
    const upper = await folder.file(
      'upper.mjs',
      'export default [{ initialize() {}, process: (text) => text.toUpperCase() }, { initialize() {}, process: (x) => (x === "B" ? { x } : x) }];',
    );
    const output = folder.join('out.txt');
    await cli(['run', upper, '-i', await folder.file('ab.txt', 'a\nb\n'), '-o', output]);
    expect(await readFile(output, 'utf8')).toBe('A\n{"x":"B"}\n');
  });

  it('runs what a TypeScript module exports', async () => {
    const module = await folder.file(
      'pipeline.ts',
      'const factor: number = 3;\nexport const pipeline = async () => [{ initialize() {}, process: (n: number): number => n * factor }];\n',
    );
    const { stdout, code } = await cli(['run', module, '-i', numbers]);
    expect(stdout).toBe('3\n6\n9\n');
    expect(code).toBe(0);
  });

  it('finds node classes beside the manifest', async () => {
    await folder.file(
      'nodes.mjs',
      'export class Add { constructor({ by }) { this.by = by; } initialize() {} process(n) { return n + this.by; } }',
    );
    const manifest = await folder.file(
      'beside.yaml',
      'version: v1\nnodes: [{ node_type: "./nodes.mjs#Add", params: { by: 10 } }]\n',
    );
    expect((await cli(['run', manifest, '-i', numbers])).stdout).toBe('11\n12\n13\n');
  });

  it('shows a table of metrics on stderr', async () => {
    const { stdout, stderr } = await cli(['run', double, '-i', numbers, '--metrics']);
    expect(stdout).toBe('2\n4\n6\n');
    expect(stderr).toMatch(/^node +in +out +errors +dropped +mean +p50 +p95 +p99 +queue$/m);
    expect(stderr).toMatch(/^double +3 +3 +0 /m);
    expect(stderr).toMatch(/^total /m);
  });

  it('ends quietly when the reader of stdout leaves, and cleans up', async () => {
    const child = startCli(['run', await folder.file('endless.mjs', ENDLESS)]);
    child.stdout.once('data', () => child.stdout.destroy());
    const stderr = waitForText(child.stderr, 'cleaned up');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(await stderr).toBe('cleaned up\n');
    expect(code).toBe(0);
  });
});

describe('remotemedia run that fails', () => {
  it('has written what came before, says it in one line and exits with 1', async () => {
    const input = await folder.file('bad.jsonl', '1\n2\n"x"\n4\n');
    const output = folder.join('partial.jsonl');
    const { code, stderr } = await cli(['run', double, '-i', input, '-o', output]);
    expect(await readFile(output, 'utf8')).toBe('2\n4\n');
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^remotemedia: failed: 3 items in, 2 items out, /),
      expect.stringMatching(/^remotemedia: Node "double" failed in process of item 2: .*"x"/),
    ]);
    expect(code).toBe(1);
  });

  it('shows the stack with --debug', async () => {
    const module = await folder.file(
      'throws.mjs',
      'export default [{ initialize() {}, process() { throw new RangeError("too far"); } }];',
    );
    const plain = await cli(['run', module, '-i', numbers]);
    expect(plain.stderr).not.toContain('throws.mjs:1');
    const debug = await cli(['run', module, '-i', numbers, '--debug']);
    expect(debug.stderr).toContain('throws.mjs:1');
    expect(debug.code).toBe(1);
  });

  it('names file and line of an input that is no JSON', async () => {
    const input = await folder.file('broken.jsonl', '1\n{oops\n');
    const { code, stderr } = await cli(['run', double, '-i', input]);
    expect(stderr).toContain(`${input}:2 is no JSON: `);
    expect(code).toBe(1);
  });

  it('names the place of what cannot be written', async () => {
    const module = await folder.file(
      'fn.mjs',
      'export default [{ initialize() {}, process: () => ({ a: [() => 1] }) }];',
    );
    const { code, stderr } = await cli(['run', module, '-i', numbers]);
    expect(stderr).toContain('item.a[0] is a function');
    expect(code).toBe(1);
  });
});

describe('remotemedia run that is interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('cleans up on %s and exits with %i', async (signal, expected) => {
    const output = folder.join(`${signal}.jsonl`);
    const child = startCli(['run', await folder.file('endless.mjs', ENDLESS), '-o', output]);
    const ended = outcomeOf(child);
    await expect
      .poll(async () => (await readFile(output, 'utf8').catch(() => '')).length, { timeout: 20_000 })
      .toBeGreaterThan(0);
    child.kill(signal);
    const { code, stderr } = await ended;
    expect(stderr).toMatch(
      /^remotemedia: cleaning up; once more ends it at once\ncleaned up\nremotemedia: cancelled: \d/,
    );
    expect(code).toBe(expected);
    expect(await readFile(output, 'utf8')).toMatch(/^0\n1\n(\d+\n)*$/);
  });

  it('ends while it waits for standard input', async () => {
    const child = startCli(['run', double, '-i', '-', '--input-format', 'jsonl']);
    const ended = outcomeOf(child);
    child.stdin.write('1\n');
    await waitForText(child.stdout, '2\n');
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
  });

  it('ends at once the second time', async () => {
    const child = startCli(['run', await folder.file('stuck.mjs', STUCK), '-i', numbers]);
    const ended = outcomeOf(child);
    await waitForText(child.stderr, 'got 1');
    const cleaning = waitForText(child.stderr, 'cleaning up');
    child.kill('SIGINT');
    await cleaning;
    child.kill('SIGINT');
    // Else it would wait for the node, and end with what it could not wait for.
    expect((await ended).code).toBe(130);
  });
});

/** A WAV file of 16-bit mono silence. */
function wavFile(sampleRate: number, frames: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + frames * 2, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(frames * 2, 40);
  return Buffer.concat([header, Buffer.alloc(frames * 2)]);
}
