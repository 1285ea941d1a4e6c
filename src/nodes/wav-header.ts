import { RemoteMediaError } from '../errors/index.js';
import type { ByteSource } from './byte-source.js';

/** How the samples are coded: WAVE format tags. Source: RFC 2361, appendix A. */
export const WAV_CODECS = { 1: 'PCM', 3: 'IEEE float', 6: 'A-law', 7: 'µ-law' } as const;

/** Format tag of a {@link WavHeader}. */
export type WavCodec = keyof typeof WAV_CODECS;

/** What the header of a WAV file says, checked. */
export interface WavHeader {
  readonly codec: WavCodec;
  readonly numberOfChannels: number;
  /** In Hz. */
  readonly sampleRate: number;
  /** Bytes of one sample of one channel. */
  readonly bytesPerSample: number;
  /** Where the samples begin. */
  readonly dataStart: number;
  /** Bytes of samples that are there. */
  readonly byteLength: number;
  /** Bytes of samples that the header announces; what a streamed file leaves open is taken to be what is there. */
  readonly announcedByteLength: number;
}

type Format = Pick<WavHeader, 'codec' | 'numberOfChannels' | 'sampleRate' | 'bytesPerSample'>;

interface Chunk {
  readonly id: string;
  readonly start: number;
  readonly byteLength: number;
}

const SAMPLE_BYTES: Readonly<Record<WavCodec, readonly number[]>> = {
  1: [1, 2, 3, 4],
  3: [4, 8],
  6: [1],
  7: [1],
};
const EXTENSIBLE = 0xfffe;
/** KSDATAFORMAT_SUBTYPE_*: the format tag, and then these 14 bytes. Source: Microsoft, ksmedia.h. */
const SUBTYPE_GUID_TAIL = '000000001000800000aa00389b71';
/** Far beyond what is recorded; more are signs of a broken header and would take all memory. */
const MAX_CHANNELS = 1024;
const MAX_SAMPLE_RATE = 10_000_000;
const MAX_CHUNKS = 10_000;
const MAX_FORMAT_BYTES = 4096;

/** How other files begin that people take for WAV. */
const OTHER_FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^(ID3|\xff[\xe2-\xff])/, 'an MP3 or AAC file'],
  [/^OggS/, 'an Ogg file'],
  [/^fLaC/, 'a FLAC file'],
  [/^....ftyp/s, 'an MP4 file'],
  [/^\x1aE\xdf\xa3/, 'a Matroska or WebM file'],
  [/^FORM/, 'an AIFF file'],
  [/^RIFX/, 'a big-endian (RIFX) file'],
  [/^RIFF....(?!WAVE)/s, 'a RIFF file, but no WAVE'],
  [/^[\t\n\r -~]+$/, 'text'],
];

/**
 * Reads and checks the header of a WAV file. Other chunks may stand before the samples. Source: Microsoft and IBM, Multimedia
 * Programming Interface and Data Specifications 1.0; for RF64 and BW64, ITU-R BS.2088.
 *
 * @throws RemoteMediaError `RM_MEDIA` that says what is wrong with the file.
 */
export async function readWavHeader(source: ByteSource): Promise<WavHeader> {
  const start = await source.read(0, 12);
  checkStart(source, start);
  const riffByteLength = view(start).getUint32(4, true);
  let format: Format | undefined;
  let longDataByteLength: number | undefined;
  for await (const chunk of chunks(source)) {
    if (chunk.id === 'ds64') longDataByteLength = await readLongDataLength(source, chunk);
    if (chunk.id === 'fmt ') format = parseFormat(source, await readFormatChunk(source, chunk));
    if (chunk.id !== 'data') continue;
    if (format === undefined) throw broken(source, 'has no "fmt " chunk before its samples');
    const announced =
      chunk.byteLength === 0xffffffff ? (longDataByteLength ?? chunk.byteLength) : chunk.byteLength;
    const there = source.byteLength - chunk.start;
    const isOpen = isOpenLength(announced, there, riffByteLength + 8 - chunk.start);
    const announcedByteLength = isOpen ? there : announced;
    return {
      ...format,
      dataStart: chunk.start,
      byteLength: Math.min(announcedByteLength, there),
      announcedByteLength,
    };
  }
  throw broken(
    source,
    format === undefined ? 'has neither a "fmt " nor a "data" chunk' : 'ends before its "data" chunk',
  );
}

/**
 * Whether the length is one that writers leave in a stream that they cannot rewind. `riffRest` is how many bytes after the beginning of the samples belong to the
 * file by its RIFF header.
 */
function isOpenLength(announced: number, there: number, riffRest: number): boolean {
  // An empty data chunk is meant where the RIFF header says that other chunks follow it to the end.
  if (announced === 0) return riffRest !== there;
  if (announced <= there) return false;
  // FFmpeg writes 0xFFFFFFFF, others that less the header; SoX 0x7FFFF000 and arecord 0x80000000, less or more a few bytes.
  return (
    (announced >= 0xffffff00 && announced <= 0xffffffff) ||
    (announced >= 0x7ffff000 && announced <= 0x80000100)
  );
}

function checkStart(source: ByteSource, start: Uint8Array): void {
  if (start.length === 0) {
    throw new RemoteMediaError('RM_MEDIA', `${source.name} is empty. Write the audio into it first.`);
  }
  const text = latin1(start);
  const isWave = /^(RIFF|RF64|BW64)/.test(text) && text.slice(8) === 'WAVE';
  if (isWave) return;
  if (start.length < 12 && /^(RIFF|RF64|BW64)/.test(text)) throw truncated(source);
  const [, found] = OTHER_FORMATS.find(([pattern]) => pattern.test(text)) ?? [];
  const looksLike = found === undefined ? '' : ` It looks like ${found}.`;
  throw new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} is no WAV file.${looksLike} Convert it first, for example with ffmpeg -i INPUT OUTPUT.wav.`,
  );
}

async function* chunks(source: ByteSource): AsyncGenerator<Chunk, void, undefined> {
  let position = 12;
  for (let count = 0; position < source.byteLength; count++) {
    if (count === MAX_CHUNKS) throw broken(source, `has more than ${MAX_CHUNKS} chunks before its samples`);
    const header = await source.read(position, position + 8);
    if (header.length < 8) throw truncated(source);
    const byteLength = view(header).getUint32(4, true);
    yield { id: latin1(header.subarray(0, 4)), start: position + 8, byteLength };
    // Chunks begin at even places.
    position += 8 + byteLength + (byteLength % 2);
  }
}

async function readLongDataLength(source: ByteSource, chunk: Chunk): Promise<number> {
  const bytes = await source.read(chunk.start, chunk.start + 16);
  if (bytes.length < 16) throw truncated(source);
  const byteLength = Number(view(bytes).getBigUint64(8, true));
  if (!Number.isSafeInteger(byteLength)) throw broken(source, 'announces more than 2⁵³ bytes of samples');
  return byteLength;
}

async function readFormatChunk(source: ByteSource, chunk: Chunk): Promise<DataView> {
  if (chunk.byteLength < 14 || chunk.byteLength > MAX_FORMAT_BYTES) {
    throw broken(source, `has a "fmt " chunk of ${chunk.byteLength} bytes`);
  }
  const bytes = await source.read(chunk.start, chunk.start + chunk.byteLength);
  if (bytes.length < chunk.byteLength) throw truncated(source);
  return view(bytes);
}

function parseFormat(source: ByteSource, chunk: DataView): Format {
  const codec = codecOf(source, chunk);
  const numberOfChannels = chunk.getUint16(2, true);
  const sampleRate = chunk.getUint32(4, true);
  const blockBytes = chunk.getUint16(12, true);
  const bits = chunk.byteLength < 16 ? 8 : chunk.getUint16(14, true);
  if (numberOfChannels === 0 || numberOfChannels > MAX_CHANNELS) {
    throw broken(source, `has ${numberOfChannels} channels; 1 to ${MAX_CHANNELS} are possible`);
  }
  if (sampleRate === 0 || sampleRate > MAX_SAMPLE_RATE) {
    throw broken(source, `has a sample rate of ${sampleRate} Hz; 1 to ${MAX_SAMPLE_RATE} are possible`);
  }
  // Samples of, say, 20 bits fill the high bits of whole bytes, so they are read as 24 bits.
  const bytesPerSample = Math.ceil(bits / 8);
  if (!SAMPLE_BYTES[codec].includes(bytesPerSample)) {
    throw new RemoteMediaError(
      'RM_MEDIA',
      `${source.name} holds ${WAV_CODECS[codec]} samples of ${bits} bits, which cannot be decoded. Convert it to 16-bit PCM.`,
    );
  }
  if (blockBytes !== bytesPerSample * numberOfChannels) {
    throw broken(
      source,
      `has blocks of ${blockBytes} bytes, which ${numberOfChannels} channels of ${bits} bits do not fill`,
    );
  }
  return { codec, numberOfChannels, sampleRate, bytesPerSample };
}

function codecOf(source: ByteSource, chunk: DataView): WavCodec {
  const tag = chunk.getUint16(0, true);
  const isExtensible = tag === EXTENSIBLE && chunk.byteLength >= 40;
  const hasTag = isExtensible && hex(chunk, 26, 40) === SUBTYPE_GUID_TAIL;
  const codec = hasTag ? chunk.getUint16(24, true) : tag;
  if (Object.hasOwn(WAV_CODECS, codec)) return codec as WavCodec;
  throw new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} is coded in the WAVE format 0x${codec.toString(16).padStart(4, '0')}, which cannot be decoded. Convert it to PCM, for example with ffmpeg -i INPUT -c:a pcm_s16le OUTPUT.wav.`,
  );
}

function truncated(source: ByteSource): RemoteMediaError {
  return new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} ends inside its header, after ${source.byteLength} bytes. It was not written or copied completely: get the whole file.`,
  );
}

function broken(source: ByteSource, problem: string): RemoteMediaError {
  return new RemoteMediaError(
    'RM_MEDIA',
    `${source.name} is a broken WAV file: it ${problem}. Get the file again, or write it anew.`,
  );
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function hex(chunk: DataView, start: number, end: number): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start).toString('hex');
}
