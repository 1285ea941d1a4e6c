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
  dtypeOf,
  Tensor,
  tensorFromBytes,
  typedArrayFromBytes,
  type DType,
  type TypedArray,
} from './tensor.js';
