import type { AudioSample, CustomSource } from 'mediabunny';
import { AudioFrame } from '../data/index.js';
import { describeCause, RemoteMediaError } from '../errors/index.js';
import { timestampAt } from './audio-samples.js';
import type { ByteSource } from './byte-source.js';
import { readWavHeader, type WavHeader } from './wav-header.js';
import type { WavReadOptions } from './wav-options.js';

/** The decoder's library; 90 ms to load, so nodes load it in `initialize()`. */
export type Mediabunny = typeof import('mediabunny');

export { bytesInMemory, openFile } from './byte-source.js';

/** What the WAV nodes load when they are initialized. */
export interface WavTools {
  readonly reader: typeof import('./wav-reader.js');
  readonly mediabunny: Mediabunny;
}

const FRAMES_PER_SECOND = 10;
/** How much of the file may lie in memory. */
const CACHE_BYTES = 2 ** 20;

/**
 * Reads a WAV file slice by slice and gives `f32-planar` frames. Of a file that ends too early, what is there comes first, and then the
 * error. Closes `source` at the end, however it comes.
 *
 * @throws RemoteMediaError `RM_MEDIA` where it is no WAV file, or a broken one.
 */
export async function* readWav(
  mediabunny: Mediabunny,
  source: ByteSource,
  options: WavReadOptions,
): AsyncGenerator<AudioFrame, void, undefined> {
  try {
    const header = await readWavHeader(source);
    const blockBytes = header.numberOfChannels * header.bytesPerSample;
    const frameCount = Math.floor(header.byteLength / blockBytes);
    const length = options.framesPerBuffer ?? Math.max(1, Math.round(header.sampleRate / FRAMES_PER_SECOND));
    if (frameCount > 0) {
      yield* collect(decode(mediabunny, source, header, frameCount), header, Math.min(length, frameCount));
    }
    if (header.byteLength < header.announcedByteLength && options.allowTruncated !== true) {
      throw truncatedData(source, header, frameCount);
    }
  } finally {
    await source.close();
  }
}

async function* decode(
  mediabunny: Mediabunny,
  source: ByteSource,
  header: WavHeader,
  frameCount: number,
): AsyncGenerator<AudioSample, void, undefined> {
  const { AudioSampleSink, Input, WAVE } = mediabunny;
  const file = repairedFile(mediabunny, source, header, frameCount);
  const input = new Input({ formats: [WAVE], source: file });
  try {
    const track = await input.getPrimaryAudioTrack();
    if (track !== null) yield* new AudioSampleSink(track).samples();
  } catch (error) {
    if (error instanceof RemoteMediaError) throw error;
    const message = `${source.name} cannot be decoded: ${describeCause(error)}. Check the file with another program.`;
    throw new RemoteMediaError('RM_MEDIA', message, { cause: error });
  } finally {
    input.dispose();
  }
}

/**
 * The file as the decoder sees it: a plain header with the true lengths, and the samples. So open and false lengths, and chunks
 * that are not about samples, never reach it.
 */
function repairedFile(
  mediabunny: Mediabunny,
  source: ByteSource,
  header: WavHeader,
  frameCount: number,
): CustomSource {
  const start = plainHeader(header, frameCount);
  const dataEnd = start.length + frameCount * header.numberOfChannels * header.bytesPerSample;
  const shift = header.dataStart - start.length;
  return new mediabunny.CustomSource({
    getSize: () => dataEnd,
    maxCacheSize: CACHE_BYTES,
    prefetchProfile: 'fileSystem',
    read: async (from, to) => {
      const bytes = new Uint8Array(to - from);
      bytes.set(start.subarray(from, to));
      const firstSample = Math.max(from, start.length);
      if (to <= firstSample) return bytes;
      const samples = await source.read(firstSample + shift, to + shift);
      if (samples.length < to - firstSample) throw shrunk(source);
      bytes.set(samples, firstSample - from);
      return bytes;
    },
    // The read that waits for the bytes reports it; a prefetch has nobody to tell.
    handleUnhandledError: () => undefined,
  });
}

/** A WAV header of 44 bytes, or of 80 for an RF64 file where the lengths need more than 32 bits. */
function plainHeader(header: WavHeader, frameCount: number): Uint8Array {
  const { codec, numberOfChannels, sampleRate, bytesPerSample } = header;
  const blockBytes = numberOfChannels * bytesPerSample;
  const dataBytes = frameCount * blockBytes;
  const isLong = dataBytes + 36 > 0xffffffff;
  const bytes = Buffer.alloc(isLong ? 80 : 44);
  let position = 0;
  const text = (id: string): number => (position += bytes.write(id, position, 'latin1'));
  const u16 = (value: number): number => (position = bytes.writeUInt16LE(value, position));
  const u32 = (value: number): number => (position = bytes.writeUInt32LE(value, position));
  const u64 = (value: number): number => (position = bytes.writeBigUInt64LE(BigInt(value), position));
  text(isLong ? 'RF64' : 'RIFF');
  u32(isLong ? 0xffffffff : dataBytes + 36);
  text('WAVE');
  if (isLong) {
    text('ds64');
    u32(28);
    u64(dataBytes + 72);
    u64(dataBytes);
    u64(frameCount);
    u32(0);
  }
  text('fmt ');
  u32(16);
  u16(codec);
  u16(numberOfChannels);
  u32(sampleRate);
  // A hint for players only; rates that it cannot hold are fine otherwise.
  u32(Math.min(0xffffffff, sampleRate * blockBytes));
  u16(blockBytes);
  u16(bytesPerSample * 8);
  text('data');
  u32(isLong ? 0xffffffff : dataBytes);
  return bytes;
}

/** Puts decoded pieces together to frames of `length` samples per channel. */
async function* collect(
  pieces: AsyncIterable<AudioSample>,
  { numberOfChannels, sampleRate }: WavHeader,
  length: number,
): AsyncGenerator<AudioFrame, void, undefined> {
  let position = 0;
  let filled = 0;
  let planes = newPlanes(numberOfChannels, length);
  const frameOf = (data: Float32Array): AudioFrame =>
    new AudioFrame({ data, sampleRate, numberOfChannels, timestampUs: timestampAt(0, position, sampleRate) });
  for await (const piece of pieces) {
    try {
      for (let offset = 0; offset < piece.numberOfFrames;) {
        const count = Math.min(length - filled, piece.numberOfFrames - offset);
        for (const [channel, plane] of planes.entries()) {
          const layout = {
            format: 'f32-planar',
            planeIndex: channel,
            frameOffset: offset,
            frameCount: count,
          } as const;
          piece.copyTo(plane.subarray(filled, filled + count), layout);
        }
        offset += count;
        filled += count;
        if (filled < length) continue;
        yield frameOf(wholeOf(planes));
        position += length;
        filled = 0;
        planes = newPlanes(numberOfChannels, length);
      }
    } finally {
      // Also when nobody takes more: the library complains on standard error of pieces that were left open.
      piece.close();
    }
  }
  if (filled === 0) return;
  const rest = new Float32Array(filled * numberOfChannels);
  for (const [channel, plane] of planes.entries()) rest.set(plane.subarray(0, filled), channel * filled);
  yield frameOf(rest);
}

/** The channels of one planar frame, in one buffer one after the other. */
function newPlanes(numberOfChannels: number, length: number): Float32Array[] {
  const whole = new Float32Array(numberOfChannels * length);
  return Array.from({ length: numberOfChannels }, (_, channel) =>
    whole.subarray(channel * length, (channel + 1) * length),
  );
}

function wholeOf(planes: readonly Float32Array[]): Float32Array {
  return new Float32Array(planes[0]?.buffer ?? new ArrayBuffer(0));
}

function truncatedData(source: ByteSource, header: WavHeader, frameCount: number): RemoteMediaError {
  const { byteLength, announcedByteLength, sampleRate } = header;
  const seconds = (frameCount / sampleRate).toFixed(2);
  return new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} is truncated: ${byteLength} of ${announcedByteLength} bytes of audio are there; all ${seconds} s of them were given. ` +
      'Get the whole file, or accept it as it is with allowTruncated: true.',
  );
}

function shrunk(source: ByteSource): RemoteMediaError {
  return new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} became shorter while it was read. Read it when its writer is done.`,
  );
}
