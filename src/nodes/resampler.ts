import type { SpeexModule } from '@echogarden/speex-resampler-wasm';
import { AudioFrame } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { audioFrame, channelsOf, mixToMono, timestampAt } from './audio-samples.js';
import { boolean, describeValue, oneOf, wholeNumber } from './options.js';
import { loadSpeex, SpeexResampler } from './speex-resampler.js';

const MAX_RATE = 768_000;
/** A jump of the input's time by more than this begins a new stretch; less is jitter of a live source. */
const MAX_JITTER_US = 100_000;

/** SpeexDSP's quality levels, 0 to 10, by name. */
const QUALITIES = { fast: 5, medium: 8, best: 10 } as const;

/** How much work the resampler does, `fast`, `medium` or `best`; see {@link ResamplerOptions.quality}. */
export type ResamplerQuality = keyof typeof QUALITIES;

const QUALITY_NAMES = Object.keys(QUALITIES) as ResamplerQuality[];

/** What {@link Resampler} takes. */
export interface ResamplerOptions extends NodeOptions {
  /** Sample rate of the output in Hz, from 1 to 768,000. */
  readonly sampleRate: number;
  /** Whether channels are averaged into one. @defaultValue true */
  readonly mono?: boolean | undefined;
  /**
   * How far the passband reaches towards half the lower rate: `fast` about 85 %, `medium` 93 %, `best` 96 %. Aliases are more than
   * 100 dB down at each.
   * @defaultValue 'medium'
   */
  readonly quality?: ResamplerQuality | undefined;
}

/** A stretch of input of one rate and channel count, without gaps. */
interface Stretch {
  readonly inputRate: number;
  readonly inputChannels: number;
  /** `undefined` where only channels are mixed. */
  readonly resampler: SpeexResampler | undefined;
  /** Time of the first sample in microseconds, where it is known. */
  startUs: number | undefined;
  framesIn: number;
  metadata: AudioFrame['metadata'];
}

/**
 * Brings audio to a sample rate and (by default) to mono. Streams without clicks at frame borders, gives `f32-planar` frames as they get ready and the tail at
 * the end; the whole is as long as the input. Frames that fit already go through as the same objects. Times run on without drift from the first
 * frame's; where rate, channels or (by more than 100 ms) time jump, the tail comes and a new stretch begins.
 */
export class Resampler extends Node<AudioFrame, AudioFrame> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Brings audio to a sample rate and to mono.';
  /** What of {@link ResamplerOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      sampleRate: {
        type: 'integer',
        minimum: 1,
        maximum: MAX_RATE,
        description: 'Sample rate of the output in Hz.',
      },
      mono: { type: 'boolean', default: true, description: 'Whether channels are averaged into one.' },
      quality: {
        type: 'string',
        enum: QUALITY_NAMES,
        default: 'medium',
        description: 'How far the passband reaches towards half the lower rate.',
      },
    },
    required: ['sampleRate'],
    additionalProperties: false,
  };

  readonly #sampleRate: number;
  readonly #mono: boolean;
  readonly #quality: ResamplerQuality;
  #speex: SpeexModule | undefined;
  #stretch: Stretch | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where an option is out of range. */
  constructor(options: ResamplerOptions) {
    super(options);
    this.#sampleRate = wholeNumber('Resampler', 'sampleRate', options.sampleRate, 1, MAX_RATE);
    this.#mono = boolean('Resampler', 'mono', options.mono ?? true);
    this.#quality = oneOf('Resampler', 'quality', QUALITY_NAMES, options.quality ?? 'medium');
  }

  /** Loads the resampler's WebAssembly module. */
  override async initialize(): Promise<void> {
    this.#speex = await loadSpeex();
    this.#clear();
  }

  /** @throws RemoteMediaError `RM_INVALID_INPUT` where the item is no AudioFrame. */
  process(item: AudioFrame): AudioFrame | ArrayIterator<AudioFrame> | undefined {
    const frame = audioFrame('Resampler', item);
    const isNewStretch = this.#stretch !== undefined && !continues(this.#stretch, frame);
    const tail = isNewStretch ? this.flush() : undefined;
    const output = this.#fits(frame) ? frame : this.#convert(frame);
    if (tail === undefined || output === undefined) return tail ?? output;
    return [tail, output].values();
  }

  /** The samples that the resampler held back. */
  override flush(): AudioFrame | undefined {
    const stretch = this.#stretch;
    if (stretch === undefined) return undefined;
    const startFrame = stretch.resampler?.framesOut ?? 0;
    const data = stretch.resampler?.finish() ?? new Float32Array(0);
    this.#clear();
    return this.#frame(stretch, data, startFrame);
  }

  override cleanup(): void {
    this.#clear();
  }

  #fits(frame: AudioFrame): boolean {
    return frame.sampleRate === this.#sampleRate && (frame.numberOfChannels === 1 || !this.#mono);
  }

  #convert(frame: AudioFrame): AudioFrame | undefined {
    const stretch = (this.#stretch ??= this.#begin(frame));
    if (stretch.startUs === undefined && frame.timestampUs !== undefined) {
      stretch.startUs = frame.timestampUs - (stretch.framesIn * 1e6) / stretch.inputRate;
    }
    const startFrame = stretch.resampler?.framesOut ?? stretch.framesIn;
    stretch.framesIn += frame.numberOfFrames;
    stretch.metadata = frame.metadata;
    const channels = channelsOf(frame);
    const mixed = this.#mono ? [mixToMono(channels)] : channels;
    const data = stretch.resampler === undefined ? (mixed[0] as Float32Array) : stretch.resampler.push(mixed);
    return this.#frame(stretch, data, startFrame);
  }

  #begin(frame: AudioFrame): Stretch {
    const { sampleRate: inputRate, numberOfChannels: inputChannels, timestampUs: startUs, metadata } = frame;
    const resampler =
      inputRate === this.#sampleRate ? undefined : this.#newResampler(inputRate, inputChannels);
    return { inputRate, inputChannels, resampler, startUs, framesIn: 0, metadata };
  }

  #newResampler(inputRate: number, inputChannels: number): SpeexResampler {
    if (this.#speex === undefined) {
      throw new RemoteMediaError(
        'RM_MEDIA',
        'Resampler: was used before initialize(). Call and await it first.',
      );
    }
    if (!Number.isInteger(inputRate) || inputRate > MAX_RATE) {
      throw new RemoteMediaError(
        'RM_INVALID_INPUT',
        `Resampler: the sample rate of a frame must be a whole number of Hz up to ${MAX_RATE}, got ${describeValue(inputRate)}.`,
      );
    }
    const numberOfChannels = this.#mono ? 1 : inputChannels;
    const quality = QUALITIES[this.#quality];
    return new SpeexResampler(this.#speex, {
      numberOfChannels,
      inputRate,
      outputRate: this.#sampleRate,
      quality,
    });
  }

  #frame(stretch: Stretch, data: Float32Array, startFrame: number): AudioFrame | undefined {
    if (data.length === 0) return undefined;
    return new AudioFrame({
      data,
      sampleRate: this.#sampleRate,
      numberOfChannels: this.#mono ? 1 : stretch.inputChannels,
      timestampUs: timestampAt(stretch.startUs, startFrame, this.#sampleRate),
      metadata: stretch.metadata,
    });
  }

  #clear(): void {
    this.#stretch?.resampler?.free();
    this.#stretch = undefined;
  }
}

function continues(stretch: Stretch, frame: AudioFrame): boolean {
  if (stretch.inputRate !== frame.sampleRate || stretch.inputChannels !== frame.numberOfChannels)
    return false;
  if (stretch.startUs === undefined || frame.timestampUs === undefined) return true;
  const expectedUs = stretch.startUs + (stretch.framesIn * 1e6) / stretch.inputRate;
  return Math.abs(frame.timestampUs - expectedUs) <= MAX_JITTER_US;
}
