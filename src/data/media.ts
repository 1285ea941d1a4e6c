import { InvalidArgumentError } from '../errors/index.js';
import type { JsonValue } from './plain.js';

/** What every media item may carry besides its content. */
export interface MediaOptions {
  /** Presentation time in microseconds from the start of the stream. */
  readonly timestampUs?: number | undefined;
  /** Anything else, by name; plain values only. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * How the samples of an {@link AudioFrame} lie in memory, as WebCodecs names it: `f32-planar` all samples of one channel after
 * those of the other, `f32` and `s16` channels in turn.
 */
export type AudioSampleFormat = 'f32-planar' | 'f32' | 's16';

/** What {@link AudioFrame} is made of. */
export interface AudioFrameInit extends MediaOptions {
  /** Layout and type of the samples. @defaultValue `'f32-planar'` */
  readonly format?: AudioSampleFormat;
  /**
   * The samples; floating point ones range from −1 to 1. Shape `[channels, frames]` when planar, else `[frames, channels]`.
   * They are not copied: whoever gives the item away no longer changes them.
   */
  readonly data: Float32Array | Int16Array;
  /** Samples per second and channel, in Hz. */
  readonly sampleRate: number;
  /** How many channels `data` holds; its length is a multiple of this. @defaultValue 1 */
  readonly numberOfChannels?: number;
}

/** A stretch of audio samples. */
export class AudioFrame {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'audio';
  /** Layout and type of the samples. */
  readonly format: AudioSampleFormat;
  /**
   * The samples; floating point ones range from −1 to 1. Shape `[channels, frames]` when planar, else `[frames, channels]`.
   * They are not copied: whoever gives the item away no longer changes them.
   */
  readonly data: Float32Array | Int16Array;
  /** Samples per second and channel, in Hz. */
  readonly sampleRate: number;
  /** How many channels `data` holds, at least 1. */
  readonly numberOfChannels: number;
  /** Samples per channel. */
  readonly numberOfFrames: number;
  /** Time of the first sample in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;
  /** What else is known of it, by name; plain values only, as it crosses to other hosts with the item. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where rate, channels, format and data do not fit. */
  constructor(init: AudioFrameInit) {
    const { format = 'f32-planar', data, sampleRate, numberOfChannels = 1 } = init;
    const expected = format === 's16' ? Int16Array : Float32Array;
    check(data instanceof expected, `${format} samples must be a ${expected.name}`);
    check(
      Number.isFinite(sampleRate) && sampleRate > 0,
      `sampleRate must be positive, got ${String(sampleRate)}`,
    );
    check(
      Number.isInteger(numberOfChannels) && numberOfChannels > 0 && data.length % numberOfChannels === 0,
      `${String(data.length)} samples cannot be ${String(numberOfChannels)} channels`,
    );
    this.format = format;
    this.data = data;
    this.sampleRate = sampleRate;
    this.numberOfChannels = numberOfChannels;
    this.numberOfFrames = data.length / numberOfChannels;
    this.timestampUs = init.timestampUs;
    this.metadata = init.metadata;
  }

  /** Length in microseconds. */
  get durationUs(): number {
    return (this.numberOfFrames / this.sampleRate) * 1e6;
  }
}

/** What {@link VideoFrame} is made of. */
export interface VideoFrameInit extends MediaOptions {
  /** Pixel format, as WebCodecs names it, such as `RGB`, `RGBA` or `I420`. */
  readonly format: string;
  /** Width in pixels. */
  readonly codedWidth: number;
  /** Height in pixels. */
  readonly codedHeight: number;
  /** The pixels as `format` lays them out. They are not copied: whoever gives the item away no longer changes them. */
  readonly data: Uint8Array;
}

/** One picture of a video. */
export class VideoFrame {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'video';
  /** Pixel format, as WebCodecs names it, such as `RGB`, `RGBA` or `I420`. */
  readonly format: string;
  /** Width in pixels. */
  readonly codedWidth: number;
  /** Height in pixels. */
  readonly codedHeight: number;
  /** The pixels as `format` lays them out. They are not copied: whoever gives the item away no longer changes them. */
  readonly data: Uint8Array;
  /** Presentation time in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;
  /** What else is known of it, by name; plain values only, as it crosses to other hosts with the item. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;

  constructor(init: VideoFrameInit) {
    this.format = init.format;
    this.codedWidth = init.codedWidth;
    this.codedHeight = init.codedHeight;
    this.data = init.data;
    this.timestampUs = init.timestampUs;
    this.metadata = init.metadata;
  }
}

/** A text with what is known of it; a bare string flows as well. */
export class TextData {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'text';
  /** The text; one with lone surrogates cannot cross to another host. */
  readonly text: string;
  /** BCP 47 language tag. */
  readonly language: string | undefined;
  /** Presentation time in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;
  /** What else is known of it, by name; plain values only, as it crosses to other hosts with the item. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;

  constructor(init: MediaOptions & { readonly text: string; readonly language?: string | undefined }) {
    this.text = init.text;
    this.language = init.language;
    this.timestampUs = init.timestampUs;
    this.metadata = init.metadata;
  }
}

/** A JSON document with what is known of it; a bare object flows as well. */
export class JsonData {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'json';
  /** The document itself, not its text; not copied, so whoever gives the item away no longer changes it. */
  readonly value: JsonValue;
  /** Presentation time in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;
  /** What else is known of it, by name; plain values only, as it crosses to other hosts with the item. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;

  constructor(init: MediaOptions & { readonly value: JsonValue }) {
    this.value = init.value;
    this.timestampUs = init.timestampUs;
    this.metadata = init.metadata;
  }
}

/** Bytes with what is known of them; a bare `Uint8Array` flows as well. */
export class BinaryData {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'binary';
  /** The bytes. They are not copied: whoever gives the item away no longer changes them. */
  readonly data: Uint8Array;
  /** Media type, such as `image/png`. */
  readonly mimeType: string | undefined;
  /** Presentation time in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;
  /** What else is known of it, by name; plain values only, as it crosses to other hosts with the item. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;

  constructor(init: MediaOptions & { readonly data: Uint8Array; readonly mimeType?: string | undefined }) {
    this.data = init.data;
    this.mimeType = init.mimeType;
    this.timestampUs = init.timestampUs;
    this.metadata = init.metadata;
  }
}

/** A message to the nodes themselves, such as the start of an utterance. */
export class ControlData {
  /** Which {@link MediaData} it is, to switch on. */
  readonly kind = 'control';
  /** What it says, such as `utterance-start`. */
  readonly type: string;
  /** What belongs to the message; anything that may flow as an item, `undefined` for nothing. */
  readonly payload: unknown;
  /** The time it applies to, in microseconds from the start of the stream; `undefined` where it is not known. */
  readonly timestampUs: number | undefined;

  constructor(init: {
    readonly type: string;
    readonly payload?: unknown;
    readonly timestampUs?: number | undefined;
  }) {
    this.type = init.type;
    this.payload = init.payload;
    this.timestampUs = init.timestampUs;
  }
}

/** An item of a media kind. */
export type MediaData = AudioFrame | VideoFrame | TextData | JsonData | BinaryData | ControlData;

function check(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new InvalidArgumentError('RM_INVALID_ARGUMENT', `Invalid AudioFrame: ${problem}.`);
}
