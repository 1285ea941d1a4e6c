export { startTypeScriptHost } from './start.js';
export type { TypeScriptHost, TypeScriptHostOptions, TypeScriptNodeSpec } from './typescript-host.js';
