export { makeDriverHost, type DriverHost } from './driver/index.js';
export {
  hostOf,
  isBulk,
  makeReplica,
  type Host,
  type Language,
  type OpenSegment,
  type SegmentRequest,
  type WiredChannel,
} from './host.js';
export { InProcessHost, type InProcessSegment } from './in-process/index.js';
export {
  findPython,
  howToInstall,
  launchPythonHost,
  startPythonHost,
  type Interpreter,
  type InterpreterSearch,
  type PythonHost,
  type PythonHostOptions,
  type PythonLaunch,
  type PythonNode,
  type PythonObjectSpec,
} from './python/index.js';
export {
  makeRestartingHost,
  type Incarnation,
  type RestartingHost,
  type RestartingRequest,
} from './restarting/index.js';
export { keepStdoutFree, passOnOutput, type HostOutput } from './remote/output.js';
export { roleOfTraits, RemoteNode, type ObjectDescription, type Traits } from './remote/remote-node.js';
export {
  configureHosts,
  payloadLimit,
  returnHost,
  startTypeScriptHost,
  takeHost,
  type HostSettings,
  type NodeStates,
  type Return,
  type TypeScriptHost,
  type TypeScriptHostOptions,
  type TypeScriptNodeSpec,
} from './typescript/index.js';
