import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSamples, makeWav, type WavSpec } from '../../test/fixtures/audio/make-wav.js';
import { BinaryData, type AudioFrame } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { WavDecoder, type WavDecoderInput, type WavDecoderOptions } from './wav-decoder.js';
import { WavSource, type WavSourceOptions } from './wav-source.js';

const SPEECH = join(import.meta.dirname, '../../test/fixtures/audio/austen-0880.wav');
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remotemedia-wav-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly frames: AudioFrame[];
  readonly error: unknown;
}

async function drain(items: AsyncIterable<AudioFrame>): Promise<Outcome> {
  const frames: AudioFrame[] = [];
  try {
    for await (const frame of items) frames.push(frame);
    return { frames, error: undefined };
  } catch (error) {
    return { frames, error };
  }
}

async function read(options: WavSourceOptions): Promise<Outcome> {
  const source = new WavSource(options);
  await source.initialize();
  return drain(source.source());
}

async function decode(item: WavDecoderInput, options?: WavDecoderOptions): Promise<Outcome> {
  const decoder = new WavDecoder(options);
  await decoder.initialize();
  return drain(decoder.process(item));
}

/** The samples of one channel of all frames. */
function samplesOf(frames: readonly AudioFrame[], channel = 0): number[] {
  return frames.flatMap((frame) => [
    ...frame.data.subarray(channel * frame.numberOfFrames, (channel + 1) * frame.numberOfFrames),
  ]);
}

function expectMediaError(error: unknown, ...words: string[]): void {
  expect(error).toBeInstanceOf(RemoteMediaError);
  expect((error as RemoteMediaError).code).toBe('RM_MEDIA');
  for (const word of words) expect((error as Error).message).toContain(word);
}

const ramp = (length: number): number[] => Array.from({ length }, (_, index) => ((index % 100) - 50) / 64);

describe('WavSource', () => {
  it('gives recorded speech in frames of 100 ms with exact times', async () => {
    const { frames, error } = await read({ path: SPEECH });
    expect(error).toBeUndefined();
    expect(frames).toHaveLength(30);
    expect(frames.map((frame) => frame.numberOfFrames)).toEqual([...Array<number>(29).fill(1600), 1440]);
    expect(frames.map((frame) => frame.timestampUs)).toEqual(frames.map((_, index) => index * 100_000));
    expect(frames[0]).toMatchObject({ format: 'f32-planar', sampleRate: 16_000, numberOfChannels: 1 });
    expect(Math.max(...samplesOf(frames).map(Math.abs))).toBeGreaterThan(0.1);
  });

  it.each<[string, Partial<WavSpec> & { bits: number }, boolean]>([
    ['8-bit PCM', { bits: 8 }, false],
    ['16-bit PCM', { bits: 16 }, false],
    ['24-bit PCM', { bits: 24 }, false],
    ['32-bit PCM', { bits: 32 }, false],
    ['32-bit float', { bits: 32, format: 3 }, true],
    ['64-bit float', { bits: 64, format: 3 }, true],
    ['extensible 24-bit PCM', { bits: 24, extensible: true }, false],
    ['extensible 32-bit float', { bits: 32, format: 3, extensible: true }, true],
  ])('decodes the samples of %s', async (_, spec, isFloat) => {
    const samples = ramp(5000);
    const { frames, error } = await read({
      data: makeWav({ ...spec, data: encodeSamples(samples, spec.bits, isFloat) }),
    });
    expect(error).toBeUndefined();
    const decoded = samplesOf(frames);
    expect(decoded).toHaveLength(samples.length);
    const step = spec.bits === 8 ? 1 / 128 : 1e-4;
    for (const [index, sample] of samples.entries())
      expect(Math.abs((decoded[index] ?? NaN) - sample)).toBeLessThan(step);
  });

  it('decodes µ-law and A-law', async () => {
    const ulaw = await read({
      data: makeWav({ format: 7, bits: 8, data: new Uint8Array([0xff, 0x80, 0x00]) }),
    });
    expect(samplesOf(ulaw.frames).map((sample) => sample.toFixed(2))).toEqual(['0.00', '0.98', '-0.98']);
    const alaw = await read({ data: makeWav({ format: 6, bits: 8, data: new Uint8Array([0xaa, 0x2a]) }) });
    expect(samplesOf(alaw.frames).map((sample) => sample.toFixed(2))).toEqual(['0.98', '-0.98']);
  });

  it('keeps all samples in order for any channels, rate, frame length and depth', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 9000 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 1, max: 200_000 }),
        fc.constantFrom(16, 24, 32),
        async (channels, length, framesPerBuffer, sampleRate, bits) => {
          const samples = ramp(length * channels);
          const data = makeWav({ channels, sampleRate, bits, data: encodeSamples(samples, bits) });
          const { frames, error } = await read({ data, framesPerBuffer });
          expect(error).toBeUndefined();
          for (let channel = 0; channel < channels; channel++) {
            expect(samplesOf(frames, channel)).toEqual(
              samples.filter((_, index) => index % channels === channel),
            );
          }
          for (const [index, frame] of frames.entries()) {
            expect(frame.timestampUs).toBe(Math.round((index * framesPerBuffer * 1e6) / sampleRate));
          }
          expect(frames.slice(0, -1).every((frame) => frame.numberOfFrames === framesPerBuffer)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('skips chunks before and after the samples', async () => {
    const data = makeWav({
      data: encodeSamples(ramp(100), 16),
      before: [
        ['LIST', new TextEncoder().encode('INFOIART\xff\xff\xff\x7f')],
        ['junk', new Uint8Array(333)],
      ],
      after: [['id3 ', new Uint8Array(50)]],
    });
    const { frames, error } = await read({ data });
    expect(error).toBeUndefined();
    expect(samplesOf(frames)).toEqual(ramp(100));
  });

  it.each([
    ['0', 0, 0],
    ['0 after a RIFF length that fits it', 0, 36],
    ['0xFFFFFFFF', 0xffffffff, 0xffffffff],
    ["SoX's 0x7FFFF000", 0x7ffff000, 0x7ffff024],
  ])('reads a streamed file, with the data length %s, to its end', async (_, dataLength, riffLength) => {
    const { frames, error } = await read({
      data: makeWav({ data: encodeSamples(ramp(4000), 16), dataLength, riffLength }),
    });
    expect(error).toBeUndefined();
    expect(samplesOf(frames)).toEqual(ramp(4000));
  });

  it('takes an empty data chunk before other chunks as no audio', async () => {
    const data = makeWav({ data: new Uint8Array(0), after: [['LIST', new Uint8Array(20)]] });
    expect(await read({ data })).toEqual({ frames: [], error: undefined });
  });

  it('reads RF64', async () => {
    const samples = encodeSamples(ramp(2000), 16);
    const { frames, error } = await read({
      data: makeWav({ data: samples, longLength: BigInt(samples.length) }),
    });
    expect(error).toBeUndefined();
    expect(samplesOf(frames)).toEqual(ramp(2000));
  });

  it('gives what is there of a truncated file, then an error with both lengths', async () => {
    const whole = makeWav({ data: encodeSamples(ramp(16_000), 16) });
    const { frames, error } = await read({ data: whole.subarray(0, 44 + 10_001) });
    expect(samplesOf(frames)).toEqual(ramp(16_000).slice(0, 5000));
    expectMediaError(error, 'truncated', '10001 of 32000 bytes', 'allowTruncated');
    const accepted = await read({ data: whole.subarray(0, 44 + 10_001), allowTruncated: true });
    expect(accepted.error).toBeUndefined();
    expect(samplesOf(accepted.frames)).toHaveLength(5000);
  });

  it('never hangs or gives an unnamed error, wherever a file ends and whichever byte is wrong', async () => {
    const whole = makeWav({ data: encodeSamples(ramp(300), 16), before: [['LIST', new Uint8Array(9)]] });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(80), fc.nat(255), async (end, at, value) => {
        const data = whole.slice(0, end);
        if (at < data.length) data[at] = value;
        const { error } = await read({ data });
        if (error !== undefined) expectMediaError(error, 'WAV data');
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, Uint8Array | string, string[]]>([
    ['an empty file', '', ['is empty']],
    ['text', 'Dear reader,\nthis is a letter.', ['no WAV file', 'looks like text', 'ffmpeg']],
    ['a short text', 'hello', ['no WAV file', 'text']],
    ['an MP3 file', new Uint8Array([0xff, 0xfb, 0x90, 0x44, ...Array<number>(100).fill(0)]), ['MP3']],
    ['a tagged MP3 file', 'ID3\x04\0\0\0\0\0\0\0\0\0\0', ['MP3']],
    ['AVI', 'RIFF\x20\0\0\0AVI LIST', ['no WAVE']],
    ['a header that ends in the RIFF header', 'RIFF\x20\0', ['ends inside its header', '6 bytes']],
    [
      'a header that ends in the format',
      makeWav({ data: new Uint8Array(4) }).subarray(0, 30),
      ['ends inside its header'],
    ],
    ['no data chunk', makeWav({ data: new Uint8Array(0) }).subarray(0, 36), ['"data"']],
    ['zero channels', makeWav({ channels: 0, data: new Uint8Array(4) }), ['0 channels']],
    ['a zero rate', makeWav({ sampleRate: 0, data: new Uint8Array(4) }), ['sample rate of 0 Hz']],
    ['an absurd rate', makeWav({ sampleRate: 4e9, data: new Uint8Array(4) }), ['4000000000 Hz']],
    [
      'an absurd number of channels',
      makeWav({ channels: 30_000, data: new Uint8Array(4) }),
      ['30000 channels'],
    ],
    ['false blocks', makeWav({ blockAlign: 3, data: new Uint8Array(4) }), ['blocks of 3 bytes']],
    ['ADPCM', makeWav({ format: 2, bits: 4, data: new Uint8Array(4) }), ['0x0002', 'pcm_s16le']],
    ['PCM of 48 bits', makeWav({ bits: 48, data: new Uint8Array(12) }), ['PCM samples of 48 bits']],
  ])('names %s and what is wrong with it', async (_, content, words) => {
    const path = join(folder, 'odd.wav');
    await writeFile(path, typeof content === 'string' ? Buffer.from(content, 'latin1') : content);
    const { frames, error } = await read({ path });
    expect(frames).toEqual([]);
    expectMediaError(error, JSON.stringify(path), ...words);
  });

  it('names a missing file, and a folder', async () => {
    expectMediaError(
      (await read({ path: 'no/such.wav' })).error,
      '"no/such.wav"',
      'does not exist',
      'Check the path',
    );
    expectMediaError((await read({ path: folder })).error, folder, 'is a folder');
  });

  it('reads a long file in slices: memory stays flat', async () => {
    const path = join(folder, 'long.wav');
    const file = await open(path, 'w');
    await file.write(
      makeWav({
        data: new Uint8Array(0),
        sampleRate: 48_000,
        channels: 2,
        dataLength: 256e6,
        riffLength: 256e6 + 36,
      }),
    );
    await file.truncate(44 + 256e6);
    await file.close();
    const source = new WavSource({ path, framesPerBuffer: 480_000 });
    await source.initialize();
    let frames = 0;
    let mostBytes = 0;
    const before = process.memoryUsage().rss;
    for await (const frame of source.source()) {
      frames += frame.numberOfFrames;
      mostBytes = Math.max(mostBytes, process.memoryUsage().rss - before);
    }
    expect(frames).toBe(64e6);
    // Far less than the file, however late the garbage collector comes.
    expect(mostBytes).toBeLessThan(128e6);
  });

  it('closes the file when nobody takes more', async () => {
    const source = new WavSource({ path: SPEECH });
    await source.initialize();
    const items = source.source();
    await items.next();
    await items.return();
    expect(await items.next()).toEqual({ done: true, value: undefined });
  });

  it.each([
    [{}, 'either path or data, got neither'],
    [{ path: 'a.wav', data: new Uint8Array(1) }, 'got both'],
    [{ path: 3 }, 'path must be a string of at least one character, got 3 (number)'],
    [{ data: 'x' }, 'data must be a Uint8Array, got "x" (string)'],
    [{ path: 'a', framesPerBuffer: 0 }, 'framesPerBuffer must be a whole number from 1'],
    [{ path: 'a', allowTruncated: 'yes' }, 'allowTruncated must be true or false, got "yes" (string)'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new WavSource(options as WavSourceOptions)).toThrow(message);
  });
});

describe('WavDecoder', () => {
  it('gives the same audio for a path, bytes and BinaryData', async () => {
    const { frames } = await read({ path: SPEECH });
    const bytes = await readFile(SPEECH);
    expect((await decode(SPEECH)).frames).toEqual(frames);
    expect((await decode(bytes)).frames).toEqual(frames);
    expect((await decode(new BinaryData({ data: bytes }))).frames).toEqual(frames);
  });

  it('decodes one item after the other, each from 0 µs on', async () => {
    const decoder = new WavDecoder({ framesPerBuffer: 16_000 });
    await decoder.initialize();
    const first = await drain(decoder.process(SPEECH));
    const second = await drain(decoder.process(SPEECH));
    expect(second).toEqual(first);
    expect(second.frames.map((frame) => frame.timestampUs)).toEqual([0, 1e6, 2e6]);
  });

  it('names what it got where it is no file', async () => {
    expect((await decode('')).error).toMatchObject({
      code: 'RM_INVALID_INPUT',
      message: expect.stringContaining('got "" (string)'),
    });
    expect((await decode(3 as never)).error).toMatchObject({
      message: expect.stringContaining('got 3 (number)'),
    });
  });
});
