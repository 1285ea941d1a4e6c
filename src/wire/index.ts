export { encodeFrame, FRAME, FrameReader, WIRE_VERSION, type Frame, type FrameKind } from './frames.js';
export { lower } from './lower.js';
export { decodeValue, encodeInto } from './messagepack.js';
import './extensions.js';
