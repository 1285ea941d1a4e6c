export { assemble, contextOf, join, type Assembly, type PlacedNode } from './assembly.js';
export { readInputs, writeInputs, type NodeInputs, type WrittenInputs } from './node-inputs.js';
export type { DeadLetter, TakeDeadLetter } from './dead-letter.js';
export { Feed, InputFeed } from './feeds.js';
export { ItemContext } from './item-context.js';
export { ItemQueue } from './item-queue.js';
export { LossBatch, type LossEntry, type LossReason, type OnLoss } from './loss.js';
export type { NodeMetrics } from './metrics.js';
export { Pace } from './pace.js';
export { Room } from './room.js';
export { RunState, type Feeder, type OnDrop } from './run-state.js';
export type { Legacy } from './row.js';
export { CollectSink, QueueSink } from './sinks.js';
export { Stage, type Upstream } from './stage.js';
export {
  describeStuck,
  type DirectReports,
  type RunWatch,
  type StuckReport,
  type WatchLimits,
} from './stuck.js';
export type { WatchableStage } from './waits.js';
export { newTag, nextStamp, type Tag } from './tag.js';
