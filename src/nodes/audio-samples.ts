import type { AudioFrame } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { describeValue } from './options.js';

/** 16-bit samples reach from −32,768 to 32,767. */
const S16_SCALE = 32768;

/**
 * The item as an audio frame.
 *
 * @throws RemoteMediaError `RM_INVALID_INPUT` where it is none.
 */
export function audioFrame(node: string, item: unknown): AudioFrame {
  // By its kind, so that frames of another copy of the package count as well.
  if (typeof item === 'object' && item !== null && (item as Partial<AudioFrame>).kind === 'audio')
    return item as AudioFrame;
  throw new RemoteMediaError(
    'RM_INVALID_INPUT',
    `${node}: takes AudioFrames, got ${describeValue(item)}. Put a node that makes AudioFrames, such as WavDecoder, before it.`,
  );
}

/**
 * The samples of each channel, as floating point numbers from −1 to 1. Planar samples are not copied: they belong to the frame and must
 * not be changed.
 */
export function channelsOf(frame: AudioFrame): Float32Array[] {
  const { data, format, numberOfChannels, numberOfFrames } = frame;
  return Array.from({ length: numberOfChannels }, (_, channel) => {
    if (format === 'f32-planar') {
      return (data as Float32Array).subarray(channel * numberOfFrames, (channel + 1) * numberOfFrames);
    }
    const scale = format === 's16' ? S16_SCALE : 1;
    const samples = new Float32Array(numberOfFrames);
    for (let frameIndex = 0; frameIndex < numberOfFrames; frameIndex++) {
      samples[frameIndex] = (data[frameIndex * numberOfChannels + channel] ?? 0) / scale;
    }
    return samples;
  });
}

/** The average of all channels; a single channel is given as it is. */
export function mixToMono(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = channels;
  if (channels.length < 2) return first;
  const mono = new Float32Array(first.length);
  for (let frameIndex = 0; frameIndex < mono.length; frameIndex++) {
    let sum = 0;
    for (const channel of channels) sum += channel[frameIndex] ?? 0;
    mono[frameIndex] = sum / channels.length;
  }
  return mono;
}

/** Time of the frame at `frameIndex` in whole microseconds; from an index, not a sum, so that it does not drift. */
export function timestampAt(
  startUs: number | undefined,
  frameIndex: number,
  sampleRate: number,
): number | undefined {
  return startUs === undefined ? undefined : Math.round(startUs + (frameIndex * 1e6) / sampleRate);
}
