export {
  encodeFrame,
  FRAME,
  FrameReader,
  MAX_PAYLOAD_BYTES,
  WIRE_VERSION,
  type Frame,
  type FrameKind,
} from './frames.js';
export { lower, lowerMeasured, type Lowered } from './lower.js';
export { decodeValue, encodeInto } from './messagepack.js';
export { openSealed, SealedItem } from './sealed.js';
export { BULK_BYTES, SliceExtension, type SliceReader, type SliceWriter } from './slices.js';
import './extensions.js';
