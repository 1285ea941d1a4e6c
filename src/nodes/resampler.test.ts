import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { AudioFrame, type AudioFrameInit } from '../data/index.js';
import { Resampler, type ResamplerOptions } from './resampler.js';

function sine(frequency: number, sampleRate: number, length: number, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length },
    (_, index) => amplitude * Math.sin((2 * Math.PI * frequency * index) / sampleRate),
  );
}

/** Cuts samples into frames whose lengths repeat, with exact times. */
function cut(
  samples: Float32Array,
  sampleRate: number,
  lengths: readonly number[],
  startUs = 0,
): AudioFrame[] {
  const frames: AudioFrame[] = [];
  for (let start = 0, index = 0; start < samples.length; index++) {
    const end = start + (lengths[index % lengths.length] ?? 1);
    const timestampUs = startUs + (start / sampleRate) * 1e6;
    frames.push(new AudioFrame({ data: samples.slice(start, end), sampleRate, timestampUs }));
    start = end;
  }
  return frames;
}

function feed(node: Resampler, frames: readonly AudioFrame[]): AudioFrame[] {
  const outputs: AudioFrame[] = [];
  for (const result of [...frames.map((frame) => () => node.process(frame)), () => node.flush()].map((call) =>
    call(),
  )) {
    if (result instanceof AudioFrame) outputs.push(result);
    else if (result !== undefined) outputs.push(...result);
  }
  return outputs;
}

async function resample(options: ResamplerOptions, frames: readonly AudioFrame[]): Promise<AudioFrame[]> {
  const node = new Resampler(options);
  await node.initialize();
  const outputs = feed(node, frames);
  node.cleanup();
  return outputs;
}

function joined(frames: readonly AudioFrame[]): Float32Array {
  return Float32Array.from(frames.flatMap((frame) => [...frame.data]));
}

/** Largest difference, leaving out the ends, where the sine begins and ends abruptly. */
function largestDifference(a: Float32Array, b: Float32Array, edge: number): number {
  let largest = 0;
  for (let index = edge; index < Math.min(a.length, b.length) - edge; index++) {
    largest = Math.max(largest, Math.abs((a[index] ?? NaN) - (b[index] ?? NaN)));
  }
  return largest;
}

function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

describe('Resampler', () => {
  let node: Resampler;
  beforeAll(async () => {
    node = new Resampler({ sampleRate: 16_000 });
    await node.initialize();
  });

  it.each([
    [48_000, 16_000],
    [44_100, 16_000],
    [22_050, 16_000],
    [8000, 16_000],
    [16_000, 48_000],
    [16_000, 44_100],
    [96_000, 8000],
  ])('keeps frequency, amplitude and phase from %d Hz to %d Hz', async (inputRate, sampleRate) => {
    for (const frequency of [100, 440, 1000, 3000]) {
      const outputs = await resample(
        { sampleRate },
        cut(sine(frequency, inputRate, inputRate), inputRate, [480]),
      );
      const output = joined(outputs);
      expect(output).toHaveLength(sampleRate);
      expect(largestDifference(output, sine(frequency, sampleRate, sampleRate), 1000)).toBeLessThan(1e-4);
    }
  });

  it('gives the same samples, as long as the input to one sample, whatever the frame sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 12_345),
        fc.constantFrom(8000, 16_000, 24_000, 48_000),
        fc.integer({ min: 1, max: 12_000 }),
        fc.array(fc.integer({ min: 1, max: 6000 }), { minLength: 1, maxLength: 8 }),
        async (inputRate, sampleRate, length, lengths) => {
          fc.pre(inputRate !== sampleRate);
          const samples = sine(500, inputRate, length);
          const outputs = await resample({ sampleRate }, cut(samples, inputRate, lengths));
          const whole = await resample({ sampleRate }, cut(samples, inputRate, [length]));
          expect(Math.abs(joined(outputs).length - (length * sampleRate) / inputRate)).toBeLessThan(1);
          expect(joined(outputs)).toHaveLength(joined(whole).length);
          expect(largestDifference(joined(outputs), joined(whole), 0)).toBeLessThan(1e-6);
          let frames = 0;
          for (const output of outputs) {
            expect(output.timestampUs).toBe(Math.round((frames * 1e6) / sampleRate));
            frames += output.numberOfFrames;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(['fast', 'medium', 'best'] as const)('lets no aliases through (%s)', async (quality) => {
    for (const frequency of [8500, 9000, 12_000, 15_000, 20_000]) {
      const outputs = await resample(
        { sampleRate: 16_000, quality },
        cut(sine(frequency, 48_000, 48_000), 48_000, [960]),
      );
      const output = joined(outputs).slice(1000, -1000);
      expect(20 * Math.log10(rms(output) / (0.5 * Math.SQRT1_2))).toBeLessThan(-90);
    }
  });

  it('gives frames that fit already through as the same objects, without being initialized', () => {
    const fresh = new Resampler({ sampleRate: 16_000 });
    const frame = new AudioFrame({ data: Int16Array.of(1, 2), format: 's16', sampleRate: 16_000 });
    expect(fresh.process(frame)).toBe(frame);
    const stereo = new AudioFrame({ data: new Float32Array(4), sampleRate: 16_000, numberOfChannels: 2 });
    expect(new Resampler({ sampleRate: 16_000, mono: false }).process(stereo)).toBe(stereo);
    expect(fresh.flush()).toBeUndefined();
  });

  it.each<[string, Pick<AudioFrameInit, 'format' | 'data'>]>([
    ['f32-planar', { format: 'f32-planar', data: Float32Array.of(0.5, 0.25, -0.5, 0.75) }],
    ['f32', { format: 'f32', data: Float32Array.of(0.5, -0.5, 0.25, 0.75) }],
    ['s16', { format: 's16', data: Int16Array.of(16_384, -16_384, 8192, 24_576) }],
  ])('averages the channels of %s where only these do not fit', (_, init) => {
    const stereo = new AudioFrame({
      ...init,
      sampleRate: 16_000,
      numberOfChannels: 2,
      timestampUs: 7,
      metadata: { a: 1 },
    });
    const before = init.data.slice();
    expect(feed(node, [stereo])).toEqual([
      new AudioFrame({
        data: Float32Array.of(0, 0.5),
        sampleRate: 16_000,
        timestampUs: 7,
        metadata: { a: 1 },
      }),
    ]);
    expect(init.data).toEqual(before);
  });

  it('resamples each channel by itself where mono is false', async () => {
    const data = new Float32Array(96_000);
    data.set(sine(440, 48_000, 48_000));
    data.set(sine(1000, 48_000, 48_000), 48_000);
    const frame = new AudioFrame({ data, sampleRate: 48_000, numberOfChannels: 2 });
    const outputs = await resample({ sampleRate: 16_000, mono: false }, [frame]);
    for (const [channel, frequency] of [440, 1000].entries()) {
      const samples = joined(
        outputs.map(({ data: planar, numberOfFrames: count, sampleRate }) => {
          return new AudioFrame({
            data: planar.slice(channel * count, (channel + 1) * count),
            sampleRate,
          });
        }),
      );
      expect(samples).toHaveLength(16_000);
      expect(largestDifference(samples, sine(frequency, 16_000, 16_000), 1000)).toBeLessThan(1e-4);
    }
    expect(outputs[0]?.timestampUs).toBeUndefined();
  });

  it('gives the tail and starts anew where rate or time jump', () => {
    const first = cut(sine(440, 48_000, 4800), 48_000, [480]);
    const second = cut(sine(440, 8000, 800), 8000, [80], 100_000);
    const fitting = cut(sine(440, 16_000, 1600), 16_000, [160], 200_000);
    const late = cut(sine(440, 8000, 800), 8000, [80], 5_000_000);
    const outputs = feed(node, [...first, ...second, ...fitting, ...late]);
    expect(joined(outputs)).toHaveLength(6400);
    let previousEndUs = 0;
    for (const output of outputs) {
      const expectedUs = previousEndUs === 300_000 ? 5_000_000 : previousEndUs;
      expect(Math.abs((output.timestampUs ?? NaN) - expectedUs)).toBeLessThanOrEqual(1);
      previousEndUs = Math.round(expectedUs + output.durationUs);
    }
    expect(previousEndUs).toBe(5_100_000);
    for (const frame of fitting) expect(outputs).toContain(frame);
  });

  it('runs on without drift where live times jitter', () => {
    const frames = cut(sine(440, 48_000, 48_000), 48_000, [480]).map(
      ({ data, sampleRate, timestampUs = 0 }, index) =>
        new AudioFrame({ data, sampleRate, timestampUs: timestampUs + (index % 2) * 20_000 }),
    );
    const outputs = feed(node, frames);
    expect(joined(outputs)).toHaveLength(16_000);
    let count = 0;
    for (const output of outputs) {
      expect(output.timestampUs).toBe(Math.round((count * 1e6) / 16_000));
      count += output.numberOfFrames;
    }
  });

  it('starts a new stream after flush, and again after cleanup', async () => {
    const frames = cut(sine(440, 48_000, 4800), 48_000, [480]);
    const first = feed(node, frames);
    expect(feed(node, frames)).toEqual(first);
    node.process(frames[0] as AudioFrame);
    node.cleanup();
    await node.initialize();
    expect(feed(node, frames)).toEqual(first);
    expect(feed(node, [])).toEqual([]);
  });

  it('gives memory back: a thousand stretches need no more than one', async () => {
    const { loadSpeex } = await import('./speex-resampler.js');
    const memory = (): Promise<number> => loadSpeex().then((speex) => speex.HEAPF32.byteLength);
    const frame = new AudioFrame({ data: sine(440, 48_000, 4800), sampleRate: 48_000 });
    feed(node, [frame]);
    const before = await memory();
    for (let round = 0; round < 1000; round++) feed(node, [frame]);
    expect(await memory()).toBe(before);
  });

  it('keeps all samples at the largest ratios, and refuses larger ones', async () => {
    const up = await resample({ sampleRate: 256_000 }, cut(new Float32Array(6000).fill(0.5), 1000, [6000]));
    expect(joined(up)).toHaveLength(6000 * 256);
    const down = await resample(
      { sampleRate: 1000 },
      cut(new Float32Array(256_000).fill(0.5), 256_000, [999]),
    );
    expect(joined(down)).toHaveLength(1000);
    expect(joined(down)[500]).toBeCloseTo(0.5, 4);
    const far = new AudioFrame({ data: new Float32Array(1), sampleRate: 10 });
    expect(() => node.process(far)).toThrow(
      'from 10 Hz to 16000 Hz with 1 channels: rates may differ by a factor of up to 256',
    );
  });

  it.each<[unknown, string]>([
    [{}, 'Resampler: sampleRate must be a whole number from 1 to 768000, got undefined.'],
    [{ sampleRate: 16_000.5 }, 'got 16000.5 (number)'],
    [{ sampleRate: 16_000, mono: 1 }, 'mono must be true or false, got 1 (number)'],
    [
      { sampleRate: 16_000, quality: 'super' },
      'quality must be one of "fast", "medium", "best", got "super" (string)',
    ],
  ])('refuses the options %j', (options, message) => {
    expect(() => new Resampler(options as ResamplerOptions)).toThrow(message);
  });

  it('says what it got, and what it cannot convert', () => {
    expect(() => node.process('x' as never)).toThrow('Resampler: takes AudioFrames, got "x" (string).');
    expect(() => node.process(new AudioFrame({ data: new Float32Array(1), sampleRate: 0.5 }))).toThrow(
      'got 0.5 (number)',
    );
    const early = new Resampler({ sampleRate: 16_000 });
    expect(() => early.process(new AudioFrame({ data: new Float32Array(1), sampleRate: 8000 }))).toThrow(
      'initialize()',
    );
  });
});
