import { url as debuggerUrl } from 'node:inspector';
import { clearInterval, setInterval, setTimeout } from 'node:timers';
import { getHeapStatistics } from 'node:v8';
import {
  isMainThread,
  MessageChannel,
  receiveMessageOnPort,
  threadId,
  Worker,
  type MessagePort,
} from 'node:worker_threads';
import { describeCause } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { Stage, type RunWatch, type WatchableStage } from '../../segment/index.js';
import {
  lookEveryMs,
  nodesHere,
  PLACE_OF,
  SHARED,
  type WatcherData,
  type WatcherMessage,
  type WatcherReport,
} from './messages.js';

/** A segment on this event loop. */
export interface WatchedSegment {
  /** Name of the host, as in reports. */
  readonly host: string;
  readonly watch: RunWatch;
  readonly stages: readonly WatchableStage[];
  readonly logger: Logger;
}

/** What all segments of a run have here. */
interface WatchedRun {
  readonly run: number;
  isOverMemory: boolean;
}

interface Watched {
  readonly segment: WatchedSegment;
  readonly run: WatchedRun;
}

/** How long the watching thread is kept for the next segment, in milliseconds. */
const LINGER_MS = 1000;

const shared = new Int32Array(new SharedArrayBuffer(SHARED.length * Int32Array.BYTES_PER_ELEMENT));
const watched = new Map<number, Watched>();
/** Keys that the watcher is still to be told of: a message for each would cost more than the rest. */
const forgotten: number[] = [];
const runs = new WeakMap<RunWatch, WatchedRun>();
/** Places by node, with a minus: one node may be at several places, whose stages know them. */
const places = new WeakMap<object, number>();
let lastPlace = 0;
let lastKey = 0;
let lastRun = 0;
let timer: NodeJS.Timeout | undefined;
let everyMs = Infinity;
let thread: { readonly worker: Worker; readonly reports: MessagePort } | undefined;
let ending: NodeJS.Timeout | undefined;

/** Watches a segment, and this event loop with it, until the function that it gives is called. */
export function watchSegment(segment: WatchedSegment): () => void {
  const key = ++lastKey;
  const run = runs.get(segment.watch) ?? { run: ++lastRun, isOverMemory: false };
  runs.set(segment.watch, run);
  watched.set(key, { segment, run });
  shared[SHARED.watched] = watched.size;
  const nodeIds = new Map(segment.stages.map((stage) => [placed(stage), stage.id]));
  const { stuckAfterMs, memoryLimitBytes, direct, isPrintedAtOnce } = segment.watch;
  lookFor(segment);
  tell(segment.logger, {
    forgotten: forgotten.splice(0),
    entry: {
      key,
      run: run.run,
      host: segment.host,
      nodeIds,
      stuckAfterMs,
      memoryLimitBytes,
      direct,
      isPrintedAtOnce,
    },
  });
  return () => {
    // What the watcher has seen while this loop was blocked comes before the end.
    takeReports();
    if (!watched.delete(key)) return;
    shared[SHARED.watched] = watched.size;
    forgotten.push(key);
    if (watched.size === 0) lookNoMore();
  };
}

/** Gives a stage a number, which it writes down when its code is entered. */
function placed(stage: WatchableStage): number {
  stage.place = ++lastPlace;
  stage.entered = shared;
  places.set(stage.node, -stage.place);
  const original = (stage.node as { readonly [ORIGINAL]?: object })[ORIGINAL];
  if (original !== undefined) places.set(original, -stage.place);
  return stage.place;
}

/** The place of a stage, or that of a node with a minus; the watcher asks for it. */
function placeOf(value: unknown): number | undefined {
  return value instanceof Stage ? value.place : places.get(value as object);
}

/** Where what stands for a node names the node itself. */
const ORIGINAL = Symbol.for('remotemedia.original');

/** Looks as often as one of those that are watched, or were since there was none, wants it. */
function lookFor({ watch }: WatchedSegment): void {
  const wantedMs = lookEveryMs(watch);
  if (wantedMs >= everyMs) return;
  everyMs = wantedMs;
  clearInterval(timer);
  timer = setInterval(look, everyMs).unref();
}

function lookNoMore(): void {
  clearInterval(timer);
  everyMs = Infinity;
  ending = setTimeout(endThread, LINGER_MS).unref();
}

function look(): void {
  Atomics.add(shared, SHARED.beat, 1);
  shared[SHARED.isDebugged] = debuggerUrl() === undefined ? 0 : 1;
  if (forgotten.length > 0)
    thread?.worker.postMessage({ forgotten: forgotten.splice(0) } satisfies WatcherMessage);
  const now = performance.now();
  for (const entry of watched.values()) {
    const { stages, watch, host } = entry.segment;
    if (watch.stuckAfterMs > 0) {
      for (const stage of stages) {
        stage.look(now, watch.stuckAfterMs, ({ itemIndex }, forMs) => {
          const stack = 'It waits in an await, which has no stack in JavaScript.';
          const item = itemIndex === undefined ? '' : ` It was given item ${String(itemIndex)}.`;
          watch.report({ kind: 'node', nodeId: stage.id, host, forMs, stack: stack + item, itemIndex });
        });
      }
    }
    if (!isMainThread && watch.memoryLimitBytes !== undefined) checkMemory(entry, watch.memoryLimitBytes);
  }
}

/** Threads share the memory of their process: of this one its own heap counts, and what its buffers hold. */
function checkMemory({ segment, run }: Watched, limitBytes: number): void {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  if (run.isOverMemory || heap + external <= limitBytes) return;
  run.isOverMemory = true;
  const { stages, watch, host } = segment;
  const place = shared[SHARED.entered];
  const nodeId = stages.find((stage) => stage.place === place)?.id;
  const stack = nodesHere(stages.map(({ id }) => id));
  const memoryBytes = heap + external;
  watch.report({ kind: 'memory', nodeId, host, forMs: 0, stack, memoryBytes });
}

function tell(logger: Logger, message: WatcherMessage): void {
  clearTimeout(ending);
  thread ??= startThread(logger);
  thread?.worker.postMessage(message);
}

/** Without it only what waits in an await is seen. */
function startThread(logger: Logger): typeof thread {
  const { port1: reports, port2 } = new MessageChannel();
  const given: WatcherData = { shared, threadId: isMainThread ? 0 : threadId, reports: port2 };
  Reflect.set(globalThis, PLACE_OF, placeOf);
  try {
    const worker = new Worker(new URL('./watcher-entry.js', import.meta.url), {
      name: 'remotemedia-watch',
      workerData: given,
      transferList: [port2],
      // What this program loads first is nothing for it.
      execArgv: [],
      env: {},
    });
    reports.on('message', takeReport).unref();
    worker.on('error', (error) => {
      logger.debug(`a blocked event loop goes unseen: ${describeCause(error)}`);
    });
    worker.unref();
    return { worker, reports };
  } catch (error) {
    logger.debug(`a blocked event loop goes unseen: ${describeCause(error)}`);
    return undefined;
  }
}

function takeReports(): void {
  for (;;) {
    const received = thread === undefined ? undefined : receiveMessageOnPort(thread.reports);
    if (received === undefined) return;
    takeReport(received.message as WatcherReport);
  }
}

function takeReport({ key, report }: WatcherReport): void {
  watched.get(key)?.segment.watch.report(report);
}

function endThread(): void {
  forgotten.length = 0;
  thread?.reports.close();
  void thread?.worker.terminate();
  thread = undefined;
}
