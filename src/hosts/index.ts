export {
  hostOf,
  NODE_HOST,
  type Host,
  type OpenSegment,
  type SegmentRequest,
  type WiredChannel,
} from './host.js';
export { InProcessHost } from './in-process/index.js';
