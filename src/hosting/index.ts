export { serveHost, type HostConfig } from './serve.js';
