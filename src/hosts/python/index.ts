export type { HostOutput } from './child-process.js';
export { findPython, howToInstall, type Interpreter, type InterpreterSearch } from './interpreter.js';
export type { PythonHost, PythonHostOptions, PythonObjectSpec } from './python-host.js';
export type { PythonNode } from './python-node.js';
export { keepStdoutFree } from './output.js';
export { startPythonHost } from './start.js';
