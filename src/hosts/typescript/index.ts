export { configureHosts } from './configure.js';
export { payloadLimit, type HostSettings } from './settings.js';
export { startTypeScriptHost } from './start.js';
export type { Return } from './pool.js';
export type {
  NodeStates,
  TypeScriptHost,
  TypeScriptHostOptions,
  TypeScriptNodeSpec,
} from './typescript-host.js';
export { returnHost, takeHost } from './keeping.js';
