export { watchSegment, type WatchedSegment } from './loop-watch.js';
