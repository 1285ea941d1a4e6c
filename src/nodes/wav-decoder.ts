import type { AudioFrame, BinaryData } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { Node, type NodeOptions, type ParameterSchema } from '../node/index.js';
import type { ByteSource } from './byte-source.js';
import { boolean, describeValue } from './options.js';
import { checkFramesPerBuffer, WAV_READ_PARAMETERS, type WavReadOptions } from './wav-options.js';
import type { WavTools } from './wav-reader.js';
import { loadWavTools } from './wav-tools.js';

/** What {@link WavDecoder} takes. */
export interface WavDecoderOptions extends NodeOptions, WavReadOptions {}

/** Path of a WAV file, or the bytes of one. */
export type WavDecoderInput = string | Uint8Array | BinaryData;

/** Turns each item, the path of a WAV file or the bytes of one, into its audio, as {@link WavSource} gives it. */
export class WavDecoder extends Node<WavDecoderInput, AudioFrame> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Turns paths or bytes of WAV files into audio frames.';
  /** What of {@link WavDecoderOptions} a manifest may give as `params`. */
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: WAV_READ_PARAMETERS,
    additionalProperties: false,
  };

  readonly #readOptions: WavReadOptions;
  #tools: WavTools | undefined;

  /** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where an option is out of range. */
  constructor(options: WavDecoderOptions = {}) {
    super(options);
    this.#readOptions = {
      framesPerBuffer: checkFramesPerBuffer('WavDecoder', options.framesPerBuffer),
      allowTruncated: boolean('WavDecoder', 'allowTruncated', options.allowTruncated ?? false),
    };
  }

  /** Loads the decoder. */
  override async initialize(): Promise<void> {
    this.#tools = await loadWavTools();
  }

  /** @throws RemoteMediaError `RM_MEDIA` where the file is missing, no WAV file or a broken one. */
  async *process(item: WavDecoderInput): AsyncGenerator<AudioFrame, void, undefined> {
    if (this.#tools === undefined) {
      throw new RemoteMediaError(
        'RM_MEDIA',
        'WavDecoder: was used before initialize(). Call and await it first.',
      );
    }
    const { reader, mediabunny } = this.#tools;
    yield* reader.readWav(mediabunny, await sourceOf(item, reader), this.#readOptions);
  }
}

async function sourceOf(item: unknown, reader: WavTools['reader']): Promise<ByteSource> {
  if (typeof item === 'string' && item !== '') return reader.openFile(item);
  if (item instanceof Uint8Array) return reader.bytesInMemory(item, 'WAV data');
  if (isBinaryData(item)) return reader.bytesInMemory(item.data, 'WAV data');
  throw new RemoteMediaError(
    'RM_INVALID_INPUT',
    `WavDecoder: takes paths of WAV files or their bytes (Uint8Array, BinaryData), got ${describeValue(item)}.`,
  );
}

function isBinaryData(item: unknown): item is BinaryData {
  return typeof item === 'object' && item !== null && (item as Partial<BinaryData>).kind === 'binary';
}
