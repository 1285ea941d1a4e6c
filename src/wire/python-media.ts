import { Tensor } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The fields of a media item as they cross to TypeScript, where one Python process has written it for another one: with an array for its
 * samples or pixels.
 *
 * @throws RemoteMediaError `RM_PROTOCOL` where that is no audio that TypeScript has
 */
export function foreignFields(kind: string, fields: Fields): Fields {
  const { data } = fields;
  if (!(data instanceof Tensor)) return fields;
  if (kind !== 'audio') return { ...fields, data: bytesOf(data.data) };
  const { dtype, shape } = data;
  const isInt16 = dtype === 'int16';
  if ((!isInt16 && dtype !== 'float32') || shape.length < 1 || shape.length > 2)
    throw new RemoteMediaError('RM_PROTOCOL', `An audio item has ${dtype} samples [${shape.join(', ')}].`);
  const [channels, frames] = shape.length === 1 ? [1, shape[0] ?? 0] : [shape[0] ?? 0, shape[1] ?? 0];
  const format = fields['format'] ?? (isInt16 ? 's16' : 'f32-planar');
  const samples = data.data as Float32Array | Int16Array;
  const laidOut = format === 'f32-planar' ? samples : interleaved(samples, channels, frames);
  return { ...fields, format, numberOfChannels: channels, numberOfFrames: frames, data: bytesOf(laidOut) };
}

function interleaved<Samples extends Float32Array | Int16Array>(
  planes: Samples,
  channels: number,
  frames: number,
): Samples {
  const mixed = planes.slice() as Samples;
  for (let channel = 0; channel < channels; channel++)
    for (let frame = 0; frame < frames; frame++)
      mixed[frame * channels + channel] = planes[channel * frames + frame] ?? 0;
  return mixed;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
