import type { SpeexModule } from '@echogarden/speex-resampler-wasm';
import { RemoteMediaError } from '../errors/index.js';

/** Samples per channel that are handed over at once; bounds the memory of a resampler. */
const BLOCK_FRAMES = 4096;
const MAX_OUTPUT_FRAMES = 16_384;
/** The filter grows with the ratio: at 768,000 it would take gigabytes. */
const MAX_RATIO = 256;

let loading: Promise<SpeexModule> | undefined;

/** Loads the WebAssembly module once for the whole program; resamplers share it. */
export async function loadSpeex(): Promise<SpeexModule> {
  loading ??= import('@echogarden/speex-resampler-wasm').then((speex) => speex.default());
  return loading;
}

/** What a {@link SpeexResampler} is made for. */
export interface SpeexSettings {
  readonly numberOfChannels: number;
  /** In Hz, a whole number. */
  readonly inputRate: number;
  /** In Hz, a whole number. */
  readonly outputRate: number;
  /** 0 (fastest) to 10 (best). */
  readonly quality: number;
}

/**
 * One stream through SpeexDSP's resampler. The output is aligned with the input: its first sample is at the time of the input's first,
 * and after {@link SpeexResampler.finish} it has as many samples as last as long as the input.
 */
export class SpeexResampler {
  readonly #speex: SpeexModule;
  readonly #settings: SpeexSettings;
  readonly #state: number;
  readonly #input: number;
  readonly #output: number;
  readonly #lengths: number;
  readonly #outputFrames: number;
  #framesIn = 0;
  #framesOut = 0;

  /** @throws RemoteMediaError `RM_MEDIA` where no resampler can be made for these rates. */
  constructor(speex: SpeexModule, settings: SpeexSettings) {
    const { numberOfChannels, inputRate, outputRate, quality } = settings;
    this.#speex = speex;
    this.#settings = settings;
    if (inputRate > MAX_RATIO * outputRate || outputRate > MAX_RATIO * inputRate) {
      throw cannotMake(
        settings,
        `rates may differ by a factor of up to ${MAX_RATIO}. Go in two steps, or check the rates`,
      );
    }
    // A full output ends a call early; the rest comes with the next.
    this.#outputFrames = Math.min(MAX_OUTPUT_FRAMES, Math.ceil((BLOCK_FRAMES * outputRate) / inputRate) + 1);
    this.#lengths = speex._malloc(8);
    this.#input = speex._malloc(BLOCK_FRAMES * numberOfChannels * 4);
    this.#output = speex._malloc(this.#outputFrames * numberOfChannels * 4);
    const hasMemory = this.#lengths !== 0 && this.#input !== 0 && this.#output !== 0;
    this.#state = hasMemory
      ? speex._speex_resampler_init(numberOfChannels, inputRate, outputRate, quality, this.#lengths)
      : 0;
    if (this.#state === 0) {
      this.free();
      throw cannotMake(settings, 'there is no memory for it. Use fewer resamplers at once, or lower rates');
    }
    // Without it the output would begin with the filter's delay.
    speex._speex_resampler_skip_zeros(this.#state);
  }

  /** Samples per channel given so far. */
  get framesOut(): number {
    return this.#framesOut;
  }

  /** Takes the samples of each channel; gives those that are ready, planar: shape `[channels, frames]`. */
  push(channels: readonly Float32Array[]): Float32Array {
    const frames = channels[0]?.length ?? 0;
    this.#framesIn += frames;
    const blocks: Float32Array[] = [];
    for (let start = 0; start < frames; start += BLOCK_FRAMES) {
      const end = Math.min(frames, start + BLOCK_FRAMES);
      this.#run(
        channels.map((samples) => samples.subarray(start, end)),
        end - start,
        blocks,
      );
    }
    return this.#planar(blocks, Infinity);
  }

  /** The samples that were held back, planar: shape `[channels, frames]`. */
  finish(): Float32Array {
    const { inputRate, outputRate } = this.#settings;
    const missing = Math.round((this.#framesIn * outputRate) / inputRate) - this.#framesOut;
    const blocks: Float32Array[] = [];
    const silence = new Float32Array(BLOCK_FRAMES);
    for (let ready = 0; ready < missing;) {
      ready += this.#run([silence], BLOCK_FRAMES, blocks);
    }
    return this.#planar(blocks, Math.max(0, missing));
  }

  /** Gives the memory back; the resampler can't be used afterwards. */
  free(): void {
    if (this.#state !== 0) this.#speex._speex_resampler_destroy(this.#state);
    for (const pointer of [this.#lengths, this.#input, this.#output]) this.#speex._free(pointer);
  }

  /** Runs one block, adds its interleaved output to `blocks` and gives its length in frames. */
  #run(channels: readonly Float32Array[], frames: number, blocks: Float32Array[]): number {
    const { numberOfChannels } = this.#settings;
    const input = new Float32Array(frames * numberOfChannels);
    for (let channel = 0; channel < numberOfChannels; channel++) {
      const samples = channels[channel] ?? channels[0];
      for (let frame = 0; frame < frames; frame++)
        input[frame * numberOfChannels + channel] = samples?.[frame] ?? 0;
    }
    let ready = 0;
    for (let consumed = 0; consumed < frames;) {
      const [used, made] = this.#call(input.subarray(consumed * numberOfChannels), frames - consumed);
      blocks.push(
        this.#speex.HEAPF32.slice(this.#output >> 2, (this.#output >> 2) + made * numberOfChannels),
      );
      consumed += used;
      ready += made;
    }
    return ready;
  }

  #call(input: Float32Array, frames: number): [used: number, made: number] {
    const speex = this.#speex;
    const lengths = this.#lengths >> 2;
    // The views are new ones whenever the memory has grown, so they are read from the module each time.
    speex.HEAPF32.set(input, this.#input >> 2);
    speex.HEAPU32[lengths] = frames;
    speex.HEAPU32[lengths + 1] = this.#outputFrames;
    const code = speex._speex_resampler_process_interleaved_float(
      this.#state,
      this.#input,
      this.#lengths,
      this.#output,
      this.#lengths + 4,
    );
    const [used = 0, made = 0] = speex.HEAPU32.subarray(lengths, lengths + 2);
    if (code !== 0 || used + made === 0) {
      throw new RemoteMediaError('RM_MEDIA', `Resampler: SpeexDSP failed with error ${code}.`);
    }
    return [used, made];
  }

  #planar(blocks: readonly Float32Array[], maxFrames: number): Float32Array {
    const { numberOfChannels } = this.#settings;
    const ready = blocks.reduce((sum, block) => sum + block.length, 0) / numberOfChannels;
    const frames = Math.min(ready, maxFrames);
    const planar = new Float32Array(frames * numberOfChannels);
    let frame = 0;
    for (const block of blocks) {
      for (let index = 0; index < block.length && frame < frames; frame++) {
        for (let channel = 0; channel < numberOfChannels; channel++, index++) {
          planar[channel * frames + frame] = block[index] ?? 0;
        }
      }
    }
    this.#framesOut += frames;
    return planar;
  }
}

function cannotMake(
  { numberOfChannels, inputRate, outputRate }: SpeexSettings,
  reason: string,
): RemoteMediaError {
  return new RemoteMediaError(
    'RM_MEDIA',
    `Resampler: cannot go from ${inputRate} Hz to ${outputRate} Hz with ${numberOfChannels} channels: ${reason}.`,
  );
}
