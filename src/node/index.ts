export type { CheckedFanIn, FanIn, FanInPolicy } from './fan-in.js';
export { Gate, gateOf } from './gate.js';
export { acquireNode, isInitialized, isRunning, releaseNode } from './lifecycle.js';
export {
  BaseNode,
  Node,
  SourceNode,
  StreamingNode,
  type AnyNode,
  type Awaitable,
  type Executor,
  type Items,
  type ManyOutputs,
  type NodeContext,
  type NodeLike,
  type NodeOptions,
  type ProcessResult,
} from './node.js';
export {
  findNode,
  registeredNodes,
  registerNode,
  type NodeClass,
  type ParameterSchema,
  type RegisteredNode,
} from './registry.js';
export { PerSession, perSession } from './per-session.js';
export { SessionStates, type SessionStatesOptions } from './session-states.js';
export { isAsyncIterable, isIterableObject, isManyOutputs, isThenable } from './results.js';
export {
  applySettings,
  checkedQueue,
  DEFAULT_QUEUE,
  replicasOf,
  settingsOf,
  statedSettings,
  type CheckedQueue,
  type CheckedRestart,
  type CheckedSettings,
  type FailurePolicy,
  type NodeSettings,
  type OnError,
  type QueueLimits,
  type RestartPolicy,
  type RetryPolicy,
  type WhenFull,
} from './settings.js';
export {
  readQueue,
  readSettings,
  writeQueue,
  writeSettings,
  type WrittenFailurePolicy,
  type WrittenFanIn,
  type WrittenQueueLimits,
  type WrittenRestart,
  type WrittenSettings,
} from './written-settings.js';
export { checker } from './checker.js';
export { describeType } from './describe-type.js';
export { roleOf, type NodeRole } from './role.js';
export { nodeProblem } from './validate.js';
export { standInOf, type StandIn } from './stand-in.js';
