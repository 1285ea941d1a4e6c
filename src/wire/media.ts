import {
  AudioFrame,
  BinaryData,
  ControlData,
  JsonData,
  TextData,
  typedArrayOver,
  VideoFrame,
  type AudioFrameInit,
  type JsonValue,
  type MediaData,
  type MediaOptions,
} from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { foreignFields } from './python-media.js';

type Fields = Readonly<Record<string, unknown>>;

/** The fields without which a media item is none, with their types. */
const REQUIRED: Readonly<Record<string, readonly (readonly [string, 'string' | 'number' | 'bytes'])[]>> = {
  audio: [
    ['format', 'string'],
    ['sampleRate', 'number'],
    ['numberOfChannels', 'number'],
    ['data', 'bytes'],
  ],
  video: [
    ['format', 'string'],
    ['codedWidth', 'number'],
    ['codedHeight', 'number'],
    ['data', 'bytes'],
  ],
  text: [['text', 'string']],
  binary: [['data', 'bytes']],
  control: [['type', 'string']],
};

/** The fields of a media item as the wire names them; absent ones are left out. */
export function mediaToFields(media: MediaData): Fields {
  return Object.fromEntries(Object.entries(allFields(media)).filter(([, value]) => value !== undefined));
}

function allFields(media: MediaData): Fields {
  switch (media.kind) {
    case 'audio': {
      const { format, sampleRate, numberOfChannels, numberOfFrames, timestampUs, metadata, data } = media;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      return { format, sampleRate, numberOfChannels, numberOfFrames, timestampUs, data: bytes, metadata };
    }
    case 'video': {
      const { format, codedWidth, codedHeight, timestampUs, metadata, data } = media;
      return { format, codedWidth, codedHeight, timestampUs, data, metadata };
    }
    case 'text': {
      const { text, language, timestampUs, metadata } = media;
      return { text, language, timestampUs, metadata };
    }
    case 'json': {
      const { value, timestampUs, metadata } = media;
      return { value, timestampUs, metadata };
    }
    case 'binary': {
      const { data, mimeType, timestampUs, metadata } = media;
      return { data, mimeType, timestampUs, metadata };
    }
    case 'control': {
      const { type, payload, timestampUs } = media;
      return { type, payload, timestampUs };
    }
  }
}

/**
 * The media item of these fields.
 *
 * @throws RemoteMediaError `RM_PROTOCOL` for an unknown kind or fields that do not fit
 */
export function mediaFromFields(kind: string, written: Fields): MediaData {
  const fields = foreignFields(kind, written);
  for (const [name, type] of REQUIRED[kind] ?? []) {
    const isRight = type === 'bytes' ? fields[name] instanceof Uint8Array : typeof fields[name] === type;
    if (!isRight)
      throw new RemoteMediaError('RM_PROTOCOL', `A ${kind} item has no ${name} that is a ${type}.`);
  }
  const options = fields as MediaOptions;
  switch (kind) {
    case 'audio':
      return audioFromFields(fields);
    case 'video':
      return new VideoFrame(fields as unknown as ConstructorParameters<typeof VideoFrame>[0]);
    case 'text':
      return new TextData({
        ...options,
        text: fields['text'] as string,
        language: fields['language'] as string | undefined,
      });
    case 'json':
      return new JsonData({ ...options, value: fields['value'] as JsonValue });
    case 'binary':
      return new BinaryData({
        ...options,
        data: fields['data'] as Uint8Array,
        mimeType: fields['mimeType'] as string | undefined,
      });
    case 'control':
      return new ControlData(fields as unknown as ConstructorParameters<typeof ControlData>[0]);
    default:
      throw new RemoteMediaError('RM_PROTOCOL', `There is no media kind "${kind}".`);
  }
}

function audioFromFields(fields: Fields): AudioFrame {
  const bytes = fields['data'] as Uint8Array;
  const format = fields['format'] as NonNullable<AudioFrameInit['format']>;
  return new AudioFrame({
    format,
    data: typedArrayOver(format === 's16' ? 'int16' : 'float32', bytes) as Float32Array | Int16Array,
    sampleRate: fields['sampleRate'] as number,
    numberOfChannels: fields['numberOfChannels'] as number,
    timestampUs: fields['timestampUs'] as number | undefined,
    metadata: fields['metadata'] as Fields | undefined,
  });
}
