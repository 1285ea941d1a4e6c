/**
 * `remotemedia/testing`: tests of nodes and pipelines, with scripted input, a virtual clock, injected faults, and recorded sessions. An
 * entry of its own, which programs need not load.
 *
 * @module remotemedia/testing
 */
export {
  every,
  faulty,
  FaultyNode,
  readRecording,
  record,
  replay,
  runScript,
  type CancelStep,
  type EndStep,
  type Fault,
  type InterruptStep,
  type Recording,
  type ScriptOptions,
  type ScriptResult,
  type ScriptStep,
  type Step,
  type TimedOutput,
  type WriteStep,
} from '../testing/index.js';
