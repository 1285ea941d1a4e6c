export { explain, type AttributeSize, type ExplainedPart, type Explanation } from './explain.js';
export { isBundled, LEAVE_OUT } from './loading-hints.js';
export { isOfEmitter } from './encode-object.js';
export {
  deserializeArriving,
  deserializeReturning,
  serializeDeparting,
  serializeReturning,
  type Arrivals,
  type Origins,
} from './journey.js';
export { constructed, STANDS_FOR, type Construction } from './hooks.js';
export { registerModule } from './modules.js';
export {
  DEFAULT_LIMIT_BYTES,
  deserialize,
  serialize,
  type DeserializeOptions,
  type SerializeOptions,
} from './serialize.js';
