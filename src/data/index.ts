export {
  AudioFrame,
  BinaryData,
  ControlData,
  JsonData,
  TextData,
  VideoFrame,
  type AudioFrameInit,
  type AudioSampleFormat,
  type MediaData,
  type MediaOptions,
  type VideoFrameInit,
} from './media.js';
export { Complex, type JsonValue } from './plain.js';
export {
  byteLengthOf,
  dtypeOf,
  Tensor,
  tensorFromBytes,
  typedArrayFromBytes,
  typedArrayOver,
  unreadBytesOf,
  unreadTensor,
  zeros,
  type DType,
  type TypedArray,
  type UnreadBytes,
} from './tensor.js';
