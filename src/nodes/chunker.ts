import { AudioFrame } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { audioFrame, channelsOf, timestampAt } from './audio-samples.js';
import { boolean, optionError, wholeNumber } from './options.js';

const MAX_FRAMES = 2 ** 30;

/** What {@link Chunker} takes: one of `frames` and `durationMs`. */
export interface ChunkerOptions extends NodeOptions {
  /** Samples per channel of each chunk. */
  readonly frames?: number | undefined;
  /** Length of each chunk in milliseconds, rounded to whole samples at the rate of the audio. */
  readonly durationMs?: number | undefined;
  /** Whether the last chunk is filled up with silence instead of being shorter. @defaultValue false */
  readonly pad?: boolean | undefined;
}

interface Pending {
  readonly frame: AudioFrame;
  readonly channels: readonly Float32Array[];
}

/**
 * Cuts audio into frames of one length. What is left at the end, or where sample rate or channels change, comes shorter, or filled
 * up with silence (`pad`). Gives `f32-planar` frames; each has the exact time of its first sample and the metadata of the frame that held it.
 */
export class Chunker extends Node<AudioFrame, AudioFrame> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Cuts audio into frames of one length.';
  /** What of {@link ChunkerOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      frames: {
        type: 'integer',
        minimum: 1,
        maximum: MAX_FRAMES,
        description: 'Samples per channel of each chunk.',
      },
      durationMs: {
        type: 'number',
        exclusiveMinimum: 0,
        description: 'Length of each chunk in milliseconds; instead of frames.',
      },
      pad: {
        type: 'boolean',
        default: false,
        description: 'Whether the last chunk is filled up with silence instead of being shorter.',
      },
    },
    additionalProperties: false,
  };

  readonly #frames: number | undefined;
  readonly #durationMs: number;
  readonly #pad: boolean;
  #pending: Pending[] = [];
  /** Samples per channel of the first pending frame that are given away already. */
  #offset = 0;
  #available = 0;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` unless exactly one valid length is given. */
  constructor(options: ChunkerOptions) {
    super(options);
    const { frames, durationMs, pad = false } = options;
    if ((frames === undefined) === (durationMs === undefined)) {
      throw new InvalidArgumentError(
        'RM_INVALID_ARGUMENT',
        `Chunker: needs either frames or durationMs, got ${frames === undefined ? 'neither' : 'both'}.`,
      );
    }
    if (frames !== undefined) wholeNumber('Chunker', 'frames', frames, 1, MAX_FRAMES);
    if (durationMs !== undefined && !(Number.isFinite(durationMs) && durationMs > 0)) {
      throw optionError('Chunker', 'durationMs', 'a positive number of milliseconds', durationMs);
    }
    this.#frames = frames;
    this.#durationMs = durationMs ?? 0;
    this.#pad = boolean('Chunker', 'pad', pad);
  }

  override initialize(): void {
    this.#clear();
  }

  /** @throws RemoteMediaError `RM_INVALID_INPUT` where the item is no AudioFrame. */
  process(item: AudioFrame): AudioFrame | Generator<AudioFrame, void, undefined> | undefined {
    const frame = audioFrame('Chunker', item);
    const first = this.#pending[0]?.frame;
    const isChange =
      first !== undefined &&
      (first.sampleRate !== frame.sampleRate || first.numberOfChannels !== frame.numberOfChannels);
    const rest = isChange ? this.flush() : undefined;
    if (frame.numberOfFrames === 0) return rest;
    const length = this.#lengthAt(frame.sampleRate);
    const isAlreadyChunk =
      this.#available === 0 &&
      frame.numberOfFrames === length &&
      frame.format === 'f32-planar' &&
      rest === undefined;
    if (isAlreadyChunk) return frame;
    this.#pending.push({ frame, channels: channelsOf(frame) });
    this.#available += frame.numberOfFrames;
    if (rest === undefined && this.#available < 2 * length) {
      return this.#available < length ? undefined : this.#take(length);
    }
    return this.#takeAll(length, rest);
  }

  /** The rest: shorter, or filled up with silence. */
  override flush(): AudioFrame | undefined {
    const first = this.#pending[0];
    if (first === undefined) return undefined;
    const chunk = this.#take(this.#pad ? this.#lengthAt(first.frame.sampleRate) : this.#available);
    this.#clear();
    return chunk;
  }

  override cleanup(): void {
    this.#clear();
  }

  *#takeAll(length: number, rest: AudioFrame | undefined): Generator<AudioFrame, void, undefined> {
    if (rest !== undefined) yield rest;
    while (this.#available >= length) yield this.#take(length);
  }

  /** The next `length` samples, with silence at the end where there are fewer. */
  #take(length: number): AudioFrame {
    const first = this.#pending[0] as Pending;
    const { sampleRate, numberOfChannels, timestampUs, metadata } = first.frame;
    const startUs = timestampAt(timestampUs, this.#offset, sampleRate);
    const data = new Float32Array(length * numberOfChannels);
    let filled = 0;
    for (let next = this.#pending[0]; next !== undefined && filled < length; next = this.#pending[0]) {
      const count = Math.min(length - filled, next.frame.numberOfFrames - this.#offset);
      for (const [channel, samples] of next.channels.entries()) {
        data.set(samples.subarray(this.#offset, this.#offset + count), channel * length + filled);
      }
      filled += count;
      this.#offset += count;
      if (this.#offset < next.frame.numberOfFrames) break;
      this.#pending.shift();
      this.#offset = 0;
    }
    this.#available -= filled;
    return new AudioFrame({ data, sampleRate, numberOfChannels, timestampUs: startUs, metadata });
  }

  #lengthAt(sampleRate: number): number {
    return this.#frames ?? Math.max(1, Math.round((sampleRate * this.#durationMs) / 1000));
  }

  #clear(): void {
    this.#pending = [];
    this.#offset = 0;
    this.#available = 0;
  }
}
