import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AudioFrame } from '../data/index.js';
import { Chunker, type ChunkerOptions } from './chunker.js';

function feed(node: Chunker, frames: readonly AudioFrame[]): AudioFrame[] {
  const outputs: AudioFrame[] = [];
  for (const frame of frames) {
    const result = node.process(frame);
    if (result instanceof AudioFrame) outputs.push(result);
    else if (result !== undefined) outputs.push(...result);
  }
  const rest = node.flush();
  return rest === undefined ? outputs : [...outputs, rest];
}

/** Stereo; the left channel counts up, the right one down. */
function counting(lengths: readonly number[], sampleRate = 8000): AudioFrame[] {
  let position = 0;
  return lengths.map((length) => {
    const data = Float32Array.from({ length: 2 * length }, (_, index) => {
      return index < length ? position + index : -(position + index - length);
    });
    const timestampUs = Math.round((position * 1e6) / sampleRate);
    position += length;
    return new AudioFrame({ data, sampleRate, numberOfChannels: 2, timestampUs, metadata: { position } });
  });
}

describe('Chunker', () => {
  it('loses and moves no sample, whatever the lengths, and gives exact times', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { maxLength: 20 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        (lengths, frames, pad) => {
          const total = lengths.reduce((sum, length) => sum + length, 0);
          const outputs = feed(new Chunker({ frames, pad }), counting(lengths));
          expect(outputs).toHaveLength(Math.ceil(total / frames));
          for (const [index, output] of outputs.entries()) {
            const start = index * frames;
            const there = Math.min(frames, total - start);
            expect(output.numberOfFrames).toBe(pad ? frames : there);
            // Times of input frames are whole microseconds, so they are off by up to a half.
            expect(Math.abs((output.timestampUs ?? NaN) - (start * 1e6) / 8000)).toBeLessThanOrEqual(1);
            const expected = Array.from({ length: output.numberOfFrames }, (_, at) =>
              at < there ? start + at : 0,
            );
            expect([...output.data.subarray(0, output.numberOfFrames)]).toEqual(expected);
            expect([...output.data.subarray(output.numberOfFrames)].map(Math.abs)).toEqual(expected);
          }
        },
      ),
    );
  });

  it('takes its length in milliseconds at the rate of the audio', () => {
    const outputs = feed(new Chunker({ durationMs: 20 }), [
      new AudioFrame({ data: new Float32Array(1000), sampleRate: 44_100 }),
      new AudioFrame({ data: new Float32Array(1000), sampleRate: 16_000 }),
    ]);
    expect(outputs.map((output) => output.numberOfFrames)).toEqual([882, 118, 320, 320, 320, 40]);
    expect(outputs[0]?.timestampUs).toBeUndefined();
  });

  it('gives a frame of the right length on as the same object', () => {
    const frame = new AudioFrame({ data: new Float32Array(160), sampleRate: 16_000 });
    expect(new Chunker({ durationMs: 10 }).process(frame)).toBe(frame);
  });

  it('follows gaps in time and takes the metadata of the frame that holds the first sample', () => {
    const frameAt = (timestampUs: number, name: string): AudioFrame =>
      new AudioFrame({ data: new Float32Array(10), sampleRate: 1000, timestampUs, metadata: { name } });
    const outputs = feed(new Chunker({ frames: 5 }), [frameAt(0, 'a'), frameAt(70_000, 'b')]);
    expect(outputs.map(({ timestampUs, metadata }) => [timestampUs, metadata?.['name']])).toEqual([
      [0, 'a'],
      [5000, 'a'],
      [70_000, 'b'],
      [75_000, 'b'],
    ]);
  });

  it('converts 16-bit samples to f32-planar', () => {
    const frame = new AudioFrame({
      format: 's16',
      data: Int16Array.of(-32_768, 16_384),
      sampleRate: 8000,
      numberOfChannels: 2,
    });
    expect(new Chunker({ frames: 1 }).process(frame)).toMatchObject({
      format: 'f32-planar',
      data: Float32Array.of(-1, 0.5),
    });
  });

  it('forgets what an interrupted run left', () => {
    const node = new Chunker({ frames: 10 });
    node.process(new AudioFrame({ data: new Float32Array(5), sampleRate: 8000 }));
    node.cleanup();
    node.initialize();
    expect(node.flush()).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [{}, 'Chunker: needs either frames or durationMs, got neither.'],
    [{ frames: 1, durationMs: 1 }, 'got both'],
    [{ frames: 1.5 }, 'frames must be a whole number from 1 to 1073741824, got 1.5 (number)'],
    [{ durationMs: -1 }, 'durationMs must be a positive number of milliseconds, got -1 (number)'],
    [{ frames: 1, pad: 'no' }, 'pad must be true or false'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new Chunker(options as ChunkerOptions)).toThrow(message);
  });

  it('says what it got', () => {
    expect(() => new Chunker({ frames: 1 }).process([] as never)).toThrow(
      'Chunker: takes AudioFrames, got Array.',
    );
  });
});
