import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AudioFrame, BinaryData, ControlData, JsonData, Tensor, TextData } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { JsonLinesSink, type JsonLinesSinkOptions } from './json-lines-sink.js';
import { TextSink, type TextSinkOptions } from './text-sink.js';

type Sink = TextSink | JsonLinesSink;

let folder = '';
let path = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remotemedia-sink-'));
  path = join(folder, 'out.txt');
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs a sink as the runtime does; gives what it passed on. */
async function run(sink: Sink, items: readonly unknown[]): Promise<unknown[]> {
  await sink.initialize();
  try {
    const outputs: unknown[] = [];
    for (const item of items) outputs.push(await sink.process(item));
    await sink.flush();
    return outputs;
  } finally {
    await sink.cleanup();
  }
}

async function written(sink: Sink, items: readonly unknown[]): Promise<string[]> {
  await run(sink, items);
  const text = await readFile(path, 'utf8');
  expect(text).toMatch(/^$|\n$/);
  return text.split('\n').slice(0, -1);
}

const KINDS: [string, (file: string) => Sink][] = [
  ['TextSink', (file) => new TextSink({ path: file })],
  ['JsonLinesSink', (file) => new JsonLinesSink({ path: file })],
];

describe.each(KINDS)('%s', (name, makeSink) => {
  it('gives on the very items, and the file is complete after cleanup()', async () => {
    const items = Array.from({ length: 5000 }, (_, index) => ({ index, text: 'x'.repeat(100) }));
    const outputs = await run(makeSink(path), items);
    expect(outputs).toHaveLength(items.length);
    for (const [index, output] of outputs.entries()) expect(output).toBe(items[index]);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(items);
  });

  it('waits where the stream is full, and only there', async () => {
    const sink = makeSink(path);
    await sink.initialize();
    expect(sink.process('small')).toBe('small');
    const full = sink.process('x'.repeat(1e6));
    expect(full).toBeInstanceOf(Promise);
    await full;
    expect(sink.process('small')).toBe('small');
    await sink.cleanup();
    expect((await readFile(path, 'utf8')).length).toBeGreaterThan(1e6);
  });

  it('names the path of a missing folder', async () => {
    const error: unknown = await run(makeSink(join(folder, 'no', 'such.txt')), []).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RemoteMediaError);
    expect(error).toMatchObject({
      code: 'RM_MEDIA',
      message: expect.stringContaining(join(folder, 'no', 'such.txt')),
    });
    expect(error).toMatchObject({
      message: expect.stringMatching(`${name}: cannot write to .* Make its folder first`),
    });
  });

  // /dev/full is a disk without room; only Linux has it.
  it.runIf(existsSync('/dev/full'))('names the path of a full disk', async () => {
    const error: unknown = await run(makeSink('/dev/full'), ['a', 'b']).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'RM_MEDIA', message: expect.stringContaining('"/dev/full"') });
    expect(error).toMatchObject({ message: expect.stringContaining('Make room on the disk') });
  });

  it.runIf(existsSync('/dev/full'))(
    'raises a full disk once: in cleanup() where no call before it could',
    async () => {
      const sink = makeSink('/dev/full');
      await sink.initialize();
      await sink.process('a');
      await expect(sink.cleanup()).rejects.toThrow('"/dev/full"');
      await sink.initialize();
      await sink.process('a');
      await expect(sink.flush()).rejects.toThrow('"/dev/full"');
      await sink.cleanup();
      await sink.initialize();
      await expect(sink.process('x'.repeat(1e6))).rejects.toThrow('"/dev/full"');
      await sink.cleanup();
    },
  );

  it('can run again, and can be cleaned up without having run', async () => {
    const sink = makeSink(path);
    await sink.cleanup();
    expect(await run(sink, ['a'])).toEqual(['a']);
    expect(await run(sink, ['b'])).toEqual(['b']);
    expect(await readFile(path, 'utf8')).toContain('b');
    expect(() => sink.process('c')).toThrow('initialize()');
  });
});

describe('TextSink', () => {
  it.each<[unknown, string]>([
    ['plain', 'plain'],
    ['two\r\nlines\nthree', 'two lines three'],
    ['', ''],
    [new TextData({ text: 'hello', timestampUs: 5 }), 'hello'],
    [3.5, '3.5'],
    [2n ** 64n, '18446744073709551616'],
    [null, 'null'],
    [{ a: 1 }, '{"a":1}'],
  ])('writes %o as one line', async (item, line) => {
    expect(await written(new TextSink({ path }), [item])).toEqual([line]);
  });

  it('fills its template from the item and its fields', async () => {
    const template = '[{timestampUs}] {metadata.speaker}: {} {missing}{{}}';
    const item = new TextData({ text: 'hello', timestampUs: 5, metadata: { speaker: 'Ann' } });
    expect(await written(new TextSink({ path, template }), [item])).toEqual(['[5] Ann: hello {hello}']);
  });

  it('replaces or keeps what the file held', async () => {
    await writeFile(path, 'old\n');
    expect(await written(new TextSink({ path, append: true }), ['new'])).toEqual(['old', 'new']);
    expect(await written(new TextSink({ path }), ['newer'])).toEqual(['newer']);
  });

  it('writes to standard output without a path, and leaves it open', async () => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk, done?: unknown) => {
      lines.push(String(chunk));
      if (typeof done === 'function') (done as () => void)();
      return true;
    });
    const listeners = process.stdout.listenerCount('error');
    try {
      await run(new TextSink(), ['hello']);
    } finally {
      write.mockRestore();
    }
    expect(lines.join('')).toBe('hello\n');
    expect(process.stdout.writableEnded).toBe(false);
    expect(process.stdout.listenerCount('error')).toBe(listeners);
  });

  it.each<[unknown, string]>([
    [{ path: '' }, 'TextSink: path must be a string of at least one character, got "" (string).'],
    [{ template: 3 }, 'template must be a string'],
    [{ append: 'a' }, 'append must be true or false'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new TextSink(options as TextSinkOptions)).toThrow(message);
  });
});

describe('JsonLinesSink', () => {
  it('writes every JSON value back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue({ noUnicodeString: false })), async (items) => {
        const lines = await written(new JsonLinesSink({ path }), items);
        expect(lines).toEqual(items.map((item) => JSON.stringify(item)));
      }),
      { numRuns: 30 },
    );
  });

  it.each<[unknown, unknown]>([
    [5n, 5],
    [2n ** 53n, '9007199254740992'],
    [
      [NaN, Infinity, -Infinity, undefined],
      ['NaN', 'Infinity', '-Infinity', null],
    ],
    [{ a: undefined, b: null }, { b: null }],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new Map([[1, new Set(['x'])]]), { 1: ['x'] }],
    [new RangeError('far'), { name: 'RangeError', message: 'far' }],
    [Float32Array.of(1, 2), { type: 'Float32Array', length: 2 }],
    [Buffer.from('abc'), { type: 'Uint8Array', length: 3 }],
    [new ArrayBuffer(8), { type: 'ArrayBuffer', byteLength: 8 }],
    [new Tensor('float32', [1, 2], new Float32Array(2)), { kind: 'tensor', dtype: 'float32', shape: [1, 2] }],
    [
      new BinaryData({ data: new Uint8Array(3), mimeType: 'image/png' }),
      { kind: 'binary', mimeType: 'image/png', byteLength: 3 },
    ],
    [new TextData({ text: 'hi', timestampUs: 1 }), { kind: 'text', text: 'hi', timestampUs: 1 }],
    [new JsonData({ value: [1] }), { kind: 'json', value: [1] }],
    [
      new ControlData({ type: 'start', payload: { n: 1n } }),
      { kind: 'control', type: 'start', payload: { n: 1 } },
    ],
    [
      {
        audio: new AudioFrame({
          data: new Float32Array(4),
          sampleRate: 8000,
          numberOfChannels: 2,
          timestampUs: 9,
        }),
      },
      {
        audio: {
          kind: 'audio',
          format: 'f32-planar',
          sampleRate: 8000,
          numberOfChannels: 2,
          numberOfFrames: 2,
          timestampUs: 9,
          byteLength: 16,
        },
      },
    ],
  ])('writes %o as JSON', async (item, expected) => {
    const lines = await written(new JsonLinesSink({ path }), [item]);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toEqual(expected);
  });

  it('writes an object that is there twice, and refuses one that holds itself, naming the place', async () => {
    const shared = { n: 1 };
    expect(await written(new JsonLinesSink({ path }), [[shared, shared]])).toEqual(['[{"n":1},{"n":1}]']);
    const circular: Record<string, unknown> = {};
    circular['list'] = [circular];
    await expect(run(new JsonLinesSink({ path }), [circular])).rejects.toThrow('item.list[0] refers back');
    await expect(run(new JsonLinesSink({ path }), [{ f: () => 1 }])).rejects.toThrow('item.f is a function');
  });

  it.each<[unknown, string]>([
    [{}, 'JsonLinesSink: path must be a string of at least one character, got undefined.'],
    [{ path: 'a', append: 1 }, 'append must be true or false, got 1 (number)'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new JsonLinesSink(options as JsonLinesSinkOptions)).toThrow(message);
  });
});
