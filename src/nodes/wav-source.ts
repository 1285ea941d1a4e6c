import type { AudioFrame } from '../data/index.js';
import { InvalidArgumentError, RemoteMediaError } from '../errors/index.js';
import { SourceNode, type NodeOptions, type ParameterSchema } from '../node/index.js';
import { boolean, nonEmptyString, optionError } from './options.js';
import { checkFramesPerBuffer, WAV_READ_PARAMETERS, type WavReadOptions } from './wav-options.js';
import type { WavTools } from './wav-reader.js';
import { loadWavTools } from './wav-tools.js';

/** What {@link WavSource} takes: one of `path` and `data`. */
export interface WavSourceOptions extends NodeOptions, WavReadOptions {
  /** Path of a WAV file; a relative one starts at the working directory. */
  readonly path?: string | undefined;
  /** The bytes of a WAV file; they are read in place and must not change meanwhile. */
  readonly data?: Uint8Array | undefined;
}

/**
 * Gives the audio of a WAV file as `f32-planar` {@link AudioFrame}s of about 100 ms, from 0 µs on. Reads PCM of 8 to 32 bits, float of 32 and 64 bits, A-law
 * and µ-law, RF64 and streamed files of any length in slices, so that memory stays flat. Of a file that ends too early, what is there comes first, and then the error.
 */
export class WavSource extends SourceNode<AudioFrame> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Gives the audio of a WAV file.';
  /** What of {@link WavSourceOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      path: { type: 'string', minLength: 1, description: 'Path of a WAV file.' },
      data: { description: 'The bytes of a WAV file (Uint8Array), instead of a path; from code only.' },
      ...WAV_READ_PARAMETERS,
    },
    additionalProperties: false,
  };

  readonly #path: string | undefined;
  readonly #data: Uint8Array | undefined;
  readonly #readOptions: WavReadOptions;
  #tools: WavTools | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` unless exactly one of `path` and `data` is given. */
  constructor(options: WavSourceOptions) {
    super(options);
    const { path, data, framesPerBuffer, allowTruncated = false } = options;
    if ((path === undefined) === (data === undefined)) {
      throw new InvalidArgumentError(
        'RM_INVALID_ARGUMENT',
        `WavSource: needs either path or data, got ${path === undefined ? 'neither' : 'both'}.`,
      );
    }
    if (path !== undefined) nonEmptyString('WavSource', 'path', path);
    if (data !== undefined && !(data instanceof Uint8Array))
      throw optionError('WavSource', 'data', 'a Uint8Array', data);
    this.#path = path;
    this.#data = data;
    this.#readOptions = {
      framesPerBuffer: checkFramesPerBuffer('WavSource', framesPerBuffer),
      allowTruncated: boolean('WavSource', 'allowTruncated', allowTruncated),
    };
  }

  /** Loads the decoder. */
  override async initialize(): Promise<void> {
    this.#tools = await loadWavTools();
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the file is missing, no WAV file or a broken one. */
  async *source(): AsyncGenerator<AudioFrame, void, undefined> {
    if (this.#tools === undefined) {
      throw new RemoteMediaError(
        'RM_MEDIA',
        'WavSource: was used before initialize(). Call and await it first.',
      );
    }
    const { reader, mediabunny } = this.#tools;
    const bytes =
      this.#path === undefined
        ? reader.bytesInMemory(this.#data ?? new Uint8Array(0), 'WAV data')
        : await reader.openFile(this.#path);
    yield* reader.readWav(mediabunny, bytes, this.#readOptions);
  }
}
