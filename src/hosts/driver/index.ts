export type { DriverHost } from './driver-host.js';
export { makeDriverHost } from './make.js';
