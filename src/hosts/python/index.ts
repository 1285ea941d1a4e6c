export { findPython, howToInstall, type Interpreter, type InterpreterSearch } from './interpreter.js';
export type { PythonHost, PythonHostOptions, PythonLaunch, PythonObjectSpec } from './python-host.js';
export type { PythonNode } from './python-node.js';
export { launchPythonHost, startPythonHost } from './start.js';
