import { InProcessHost, type Host } from '../hosts/index.js';

/** Where the inputs come from and the outputs go: this program. */
export const driver: Host = new InProcessHost();
