export { explain, type AttributeSize, type ExplainedPart, type Explanation } from './explain.js';
export { constructed, STANDS_FOR, type Construction } from './hooks.js';
export { registerModule } from './modules.js';
export {
  DEFAULT_LIMIT_BYTES,
  deserialize,
  serialize,
  type DeserializeOptions,
  type SerializeOptions,
} from './serialize.js';
