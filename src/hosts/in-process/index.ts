export { InProcessHost, InProcessSegment } from './in-process-host.js';
