import { wholeNumber } from './options.js';

const MAX_FRAMES_PER_BUFFER = 2 ** 24;

/** How a WAV file is read. */
export interface WavReadOptions {
  /** Samples per channel of each AudioFrame; the last may have fewer. @defaultValue 100 ms */
  readonly framesPerBuffer?: number | undefined;
  /** Whether a file that ends before its announced length is accepted as it is. @defaultValue false */
  readonly allowTruncated?: boolean | undefined;
}

/** JSON Schema of {@link WavReadOptions}. */
export const WAV_READ_PARAMETERS: Readonly<Record<string, object>> = {
  framesPerBuffer: {
    type: 'integer',
    minimum: 1,
    maximum: MAX_FRAMES_PER_BUFFER,
    description:
      'Samples per channel of each AudioFrame; the last may have fewer. 100 ms unless it is given.',
  },
  allowTruncated: {
    type: 'boolean',
    default: false,
    description: 'Whether a file that ends before its announced length is accepted as it is.',
  },
};

/** @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where `framesPerBuffer` is out of range. */
export function checkFramesPerBuffer(node: string, value: unknown): number | undefined {
  return value === undefined
    ? undefined
    : wholeNumber(node, 'framesPerBuffer', value, 1, MAX_FRAMES_PER_BUFFER);
}
