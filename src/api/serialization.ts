/**
 * `remotemedia/serialization`: live values to bytes and back, on its own.
 *
 * @module remotemedia/serialization
 */
export { PayloadError, SerializationError, type SerializationErrorDetails } from '../errors/index.js';
export {
  constructed,
  DEFAULT_LIMIT_BYTES,
  deserialize,
  explain,
  registerModule,
  serialize,
  type AttributeSize,
  type Construction,
  type DeserializeOptions,
  type ExplainedPart,
  type Explanation,
  type SerializeOptions,
} from '../serialization/index.js';
