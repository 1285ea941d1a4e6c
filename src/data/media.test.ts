import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/index.js';
import {
  AudioFrame,
  BinaryData,
  ControlData,
  JsonData,
  TextData,
  VideoFrame,
  type AudioFrameInit,
} from './index.js';

describe('AudioFrame', () => {
  it('is planar and mono unless told otherwise, and knows its length', () => {
    const data = new Float32Array(800);
    const frame = new AudioFrame({ data, sampleRate: 16_000 });
    expect(frame).toMatchObject({
      kind: 'audio',
      format: 'f32-planar',
      numberOfChannels: 1,
      numberOfFrames: 800,
    });
    expect(frame.durationUs).toBe(50_000);
    expect(frame.data).toBe(data);
    expect(frame.timestampUs).toBeUndefined();
  });

  it('counts frames per channel for any shape', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), fc.nat(1000), (numberOfChannels, frames) => {
        const data = new Int16Array(frames * numberOfChannels);
        const frame = new AudioFrame({ format: 's16', data, sampleRate: 8000, numberOfChannels });
        expect(frame.numberOfFrames).toBe(frames);
      }),
    );
  });

  it.each<[Partial<AudioFrameInit>, string]>([
    [{ data: new Int16Array(2) }, 'f32-planar samples must be a Float32Array'],
    [{ format: 's16' }, 's16 samples must be a Int16Array'],
    [{ sampleRate: 0 }, 'sampleRate must be positive, got 0'],
    [{ sampleRate: NaN }, 'got NaN'],
    [{ sampleRate: Infinity }, 'got Infinity'],
    [{ numberOfChannels: 0 }, '2 samples cannot be 0 channels'],
    [{ numberOfChannels: 1.5 }, '1.5 channels'],
    [{ numberOfChannels: 3 }, '2 samples cannot be 3 channels'],
  ])('refuses %o', (wrong, message) => {
    const init = { data: new Float32Array(2), sampleRate: 8000, ...wrong };
    expect(() => new AudioFrame(init)).toThrow(message);
    expect(() => new AudioFrame(init)).toThrow(InvalidArgumentError);
  });
});

describe('media items', () => {
  it('hold what they were made of, and tell their kind', () => {
    const data = Uint8Array.of(1, 2, 3);
    const options = { timestampUs: 7, metadata: { a: 1 } };
    expect(new VideoFrame({ format: 'RGB', codedWidth: 1, codedHeight: 1, data, ...options })).toMatchObject({
      kind: 'video',
      format: 'RGB',
      codedWidth: 1,
      codedHeight: 1,
      data,
      ...options,
    });
    expect(new TextData({ text: 'hi', language: 'en', ...options })).toMatchObject({
      kind: 'text',
      text: 'hi',
      language: 'en',
      ...options,
    });
    expect(new JsonData({ value: { a: [null] }, ...options })).toMatchObject({
      kind: 'json',
      value: { a: [null] },
      ...options,
    });
    expect(new BinaryData({ data, mimeType: 'x/y', ...options })).toMatchObject({
      kind: 'binary',
      data,
      mimeType: 'x/y',
      ...options,
    });
    expect(new ControlData({ type: 'start', payload: 1n, timestampUs: 7 })).toMatchObject({
      kind: 'control',
      type: 'start',
      payload: 1n,
    });
  });
});
