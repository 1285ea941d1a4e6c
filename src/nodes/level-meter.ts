import { AudioFrame } from '../data/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { audioFrame, channelsOf } from './audio-samples.js';
import { boolean } from './options.js';

/** Decibels of silence, which has none: below the −144 dB of 24-bit samples, and a number that JSON can hold. */
const SILENCE_DB = -150;

/** What {@link LevelMeter} takes. */
export interface LevelMeterOptions extends NodeOptions {
  /** Whether the frame is given on, with the level as `metadata.level`, instead of the level. @defaultValue false */
  readonly passThrough?: boolean | undefined;
}

/** How loud a frame is. Shape of each list: `[channels]`. */
export interface AudioLevel {
  /** Time of the frame's first sample in microseconds, where it is known. */
  readonly timestampUs: number | undefined;
  /** Root mean square; 1 is a full-scale square wave. */
  readonly rms: readonly number[];
  /** Largest absolute sample; 1 is full scale. */
  readonly peak: readonly number[];
  /** `rms` in decibels below full scale (dBFS), from −150 (silence). */
  readonly rmsDb: readonly number[];
  /** `peak` in decibels below full scale (dBFS), from −150 (silence). */
  readonly peakDb: readonly number[];
}

/** Measures how loud each frame is; a frame without samples is silent. */
export class LevelMeter extends Node<AudioFrame, AudioLevel | AudioFrame> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Measures how loud each audio frame is.';
  /** What of {@link LevelMeterOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      passThrough: {
        type: 'boolean',
        default: false,
        description: 'Whether the frame is given on, with the level as metadata.level, instead of the level.',
      },
    },
    additionalProperties: false,
  };

  readonly #passThrough: boolean;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where `passThrough` is no boolean. */
  constructor(options: LevelMeterOptions = {}) {
    super(options);
    this.#passThrough = boolean('LevelMeter', 'passThrough', options.passThrough ?? false);
  }

  /** @throws RemoteMediaError `RM_INVALID_INPUT` where the item is no AudioFrame. */
  process(item: AudioFrame): AudioLevel | AudioFrame {
    const frame = audioFrame('LevelMeter', item);
    const level = levelOf(frame);
    if (!this.#passThrough) return level;
    const { format, data, sampleRate, numberOfChannels, timestampUs } = frame;
    // A new frame around the same samples: after a fan-out this one belongs to others as well.
    const metadata = { ...frame.metadata, level };
    return new AudioFrame({ format, data, sampleRate, numberOfChannels, timestampUs, metadata });
  }
}

function levelOf(frame: AudioFrame): AudioLevel {
  const measured = channelsOf(frame).map(measure);
  const rms = measured.map((channel) => channel.rms);
  const peak = measured.map((channel) => channel.peak);
  return { timestampUs: frame.timestampUs, rms, peak, rmsDb: rms.map(decibels), peakDb: peak.map(decibels) };
}

function measure(samples: Float32Array): { rms: number; peak: number } {
  let sum = 0;
  let peak = 0;
  for (const sample of samples) {
    sum += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  return { rms: samples.length === 0 ? 0 : Math.sqrt(sum / samples.length), peak };
}

function decibels(amplitude: number): number {
  return Math.max(SILENCE_DB, 20 * Math.log10(amplitude));
}
