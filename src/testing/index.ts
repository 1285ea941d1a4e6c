export { faulty, FaultyNode, type Fault } from './faulty.js';
export { record } from './record.js';
export { readRecording, type Recording } from './recording.js';
export { replay } from './replay.js';
export { runScript, type ScriptOptions, type ScriptResult, type TimedOutput } from './run-script.js';
export {
  every,
  type CancelStep,
  type EndStep,
  type InterruptStep,
  type ScriptStep,
  type Step,
  type WriteStep,
} from './script.js';
