import { describe, expect, it } from 'vitest';
import { AudioFrame } from '../data/index.js';
import { LevelMeter, type AudioLevel } from './level-meter.js';

describe('LevelMeter', () => {
  it('measures each channel', () => {
    const left = Float32Array.from(
      { length: 1000 },
      (_, index) => 0.5 * Math.sin((2 * Math.PI * index) / 100),
    );
    const data = new Float32Array(2000);
    data.set(left);
    const level = new LevelMeter().process(
      new AudioFrame({ data, sampleRate: 8000, numberOfChannels: 2, timestampUs: 42 }),
    ) as AudioLevel;
    expect(level.timestampUs).toBe(42);
    expect(level.rms[0]).toBeCloseTo(0.5 / Math.SQRT2, 6);
    expect(level.peak[0]).toBeCloseTo(0.5, 6);
    expect(level.rmsDb[0]).toBeCloseTo(-9.031, 3);
    expect(level.peakDb[0]).toBeCloseTo(-6.021, 3);
    expect(level).toMatchObject({ rms: [expect.any(Number), 0], peak: [expect.any(Number), 0] });
    expect(level.rmsDb[1]).toBe(-150);
    expect(level.peakDb[1]).toBe(-150);
  });

  it('measures 16-bit samples against their full scale, and no samples as silence', () => {
    const loud = new AudioFrame({ format: 's16', data: Int16Array.of(-32_768, -32_768), sampleRate: 8000 });
    expect(new LevelMeter().process(loud)).toMatchObject({ rms: [1], peak: [1], rmsDb: [0], peakDb: [0] });
    const none = new AudioFrame({ data: new Float32Array(0), sampleRate: 8000 });
    expect(new LevelMeter().process(none)).toMatchObject({ rms: [0], peak: [0], rmsDb: [-150] });
  });

  it('gives the frame on with its level, and leaves the one it got alone', () => {
    const data = Float32Array.of(1, -1);
    const frame = new AudioFrame({ data, sampleRate: 8000, timestampUs: 5, metadata: { speaker: 'a' } });
    const output = new LevelMeter({ passThrough: true }).process(frame) as AudioFrame;
    expect(output).toBeInstanceOf(AudioFrame);
    expect(output.data).toBe(data);
    expect(output).toMatchObject({
      timestampUs: 5,
      metadata: { speaker: 'a', level: { rms: [1], timestampUs: 5 } },
    });
    expect(frame.metadata).toEqual({ speaker: 'a' });
  });

  it('says what it got', () => {
    expect(() => new LevelMeter().process(null as never)).toThrow('LevelMeter: takes AudioFrames, got null.');
    expect(() => new LevelMeter({ passThrough: 1 as never })).toThrow(
      'passThrough must be true or false, got 1 (number)',
    );
  });
});
