export { hostOf, type Host, type OpenSegment, type SegmentRequest, type WiredChannel } from './host.js';
export { InProcessHost } from './in-process/index.js';
export {
  findPython,
  howToInstall,
  keepStdoutFree,
  startPythonHost,
  type HostOutput,
  type Interpreter,
  type InterpreterSearch,
  type PythonHost,
  type PythonHostOptions,
  type PythonNode,
  type PythonObjectSpec,
} from './python/index.js';
