export { InProcessHost } from './in-process-host.js';
