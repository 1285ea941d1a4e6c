import type { MessagePort } from 'node:worker_threads';
import type { DirectReports, StuckReport, WatchLimits } from '../../segment/index.js';

/** What the event loop and its watcher share: 32-bit numbers. */
export const SHARED = {
  /** The place whose code was entered last. */
  entered: 0,
  /** Counts the turns of a timer of the event loop. */
  beat: 1,
  /** 1 where somebody debugs the program: a breakpoint is nothing that is stuck. */
  isDebugged: 2,
  /** How many segments are watched: of the last ones that are no more the watcher is told late. */
  watched: 3,
  /** How many there are. */
  length: 4,
} as const;

/** The property of the global object by which the watcher asks for the place of a value in a stack frame. */
export const PLACE_OF: unique symbol = Symbol.for('remotemedia.placeOf');

/** What the watcher is started with. */
export interface WatcherData {
  readonly shared: Int32Array;
  /** The thread to watch; 0 for the main one. */
  readonly threadId: number;
  /** Where reports go that could not go otherwise. */
  readonly reports: MessagePort;
}

/** What the watcher is told of a segment. */
export interface WatcherEntry extends WatchLimits {
  readonly key: number;
  /** The same for all segments of a run: what concerns the whole thread is reported once. */
  readonly run: number;
  readonly host: string;
  /** The ids of its nodes by the numbers of their places. */
  readonly nodeIds: ReadonlyMap<number, string>;
  readonly isPrintedAtOnce: boolean;
  readonly direct: DirectReports | undefined;
}

/** To the watcher: what was watched and is no more, and perhaps a segment to watch. */
export interface WatcherMessage {
  readonly forgotten: readonly number[];
  readonly entry?: WatcherEntry;
}

/** From the watcher. */
export interface WatcherReport {
  readonly key: number;
  readonly report: StuckReport;
}

/** What is known of memory where no stack is. */
export function nodesHere(ids: readonly string[]): string {
  return ids.length === 0 ? 'None of the nodes is there.' : `Its nodes: ${ids.join(', ')}.`;
}

/** Looks in the time after which something is stuck. */
const LOOKS = 4;
/** Where only memory is watched, in milliseconds. */
const MEMORY_LOOK_MS = 1000;
const LEAST_LOOK_MS = 5;

/** How often to look, in milliseconds. */
export function lookEveryMs({ stuckAfterMs }: WatchLimits): number {
  return stuckAfterMs === 0
    ? MEMORY_LOOK_MS
    : Math.min(MEMORY_LOOK_MS, Math.max(stuckAfterMs / LOOKS, LEAST_LOOK_MS));
}
