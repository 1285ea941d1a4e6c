import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { ControlConnection } from '../../protocol/index.js';
import type { DirectReports, StuckReport } from '../../segment/index.js';
import {
  lookEveryMs,
  nodesHere,
  SHARED,
  type WatcherData,
  type WatcherEntry,
  type WatcherMessage,
  type WatcherReport,
} from './messages.js';
import { takeStack, type TakenStack } from './stack.js';

/** A thread beside one that runs nodes: it sees when the event loop of that one has stopped, and says where. */
const { shared, threadId, reports } = workerData as WatcherData;
/** A machine that was asleep wakes threads one after the other. */
const LEAST_LOOKS = 3;
const entries = new Map<number, WatcherEntry>();
const connections = new Map<number, Promise<ControlConnection>>();
/** Runs that know of the present block. */
const told = new Set<number>();
/** Runs that know of their memory. */
const toldMemory = new Set<number>();
let timer: NodeJS.Timeout | undefined;
let everyMs = Infinity;
let lastBeat = Atomics.load(shared, SHARED.beat);
let beatAt = performance.now();
let looksSinceBeat = 0;
let isLooking = false;

parentPort?.on('message', (message: WatcherMessage) => {
  const { entry, forgotten } = message;
  for (const key of forgotten) forget(key);
  if (entry === undefined) return;
  entries.set(entry.key, entry);
  const wantedMs = lookEveryMs(entry);
  if (wantedMs >= everyMs) return;
  everyMs = wantedMs;
  clearInterval(timer);
  timer = setInterval(() => void look(), everyMs);
});

function forget(key: number): void {
  entries.delete(key);
  if (entries.size === 0) toldMemory.clear();
  void connections.get(key)?.then((control) => {
    control.close();
  });
  connections.delete(key);
}

async function look(): Promise<void> {
  const beat = Atomics.load(shared, SHARED.beat);
  if (beat !== lastBeat) {
    lastBeat = beat;
    beatAt = performance.now();
    looksSinceBeat = 0;
    told.clear();
  } else looksSinceBeat++;
  const isWanted = Atomics.load(shared, SHARED.watched) > 0 && Atomics.load(shared, SHARED.isDebugged) === 0;
  if (isLooking || !isWanted) return;
  isLooking = true;
  await lookAtMemory();
  await lookAtLoop();
  isLooking = false;
}

async function lookAtLoop(): Promise<void> {
  const forMs = performance.now() - beatAt;
  const due = [...entries.values()].filter(
    ({ run, stuckAfterMs }) => stuckAfterMs > 0 && forMs >= stuckAfterMs && !told.has(run),
  );
  if (due.length === 0 || looksSinceBeat < LEAST_LOOKS) return;
  for (const { run } of due) told.add(run);
  const stack = await stackOrNone();
  // It has gone on before anybody could look where it was.
  if (stack === undefined && Atomics.load(shared, SHARED.beat) !== lastBeat) return;
  const place = stack?.place ?? Atomics.load(shared, SHARED.entered);
  for (const entry of oneOfEachRun(due, place)) {
    const nodeId = entry.nodeIds.get(place);
    const kind = nodeId === undefined ? 'loop' : 'node';
    const text = stack?.text ?? noStack(nodeId);
    report(entry, { kind, nodeId, host: entry.host, forMs, stack: text });
  }
}

async function lookAtMemory(): Promise<void> {
  // Threads share it: one that is not the main one looks at its own heap.
  if (threadId !== 0) return;
  const memoryBytes = process.memoryUsage.rss();
  const due = [...entries.values()].filter(
    ({ run, memoryLimitBytes }) =>
      memoryLimitBytes !== undefined && memoryBytes > memoryLimitBytes && !toldMemory.has(run),
  );
  if (due.length === 0) return;
  // Code runs for long: it is seen where it is. Else only the next code to run would be.
  const stack = looksSinceBeat >= 2 ? await stackOrNone() : undefined;
  const place = stack?.place ?? Atomics.load(shared, SHARED.entered);
  for (const entry of oneOfEachRun(due, place)) {
    toldMemory.add(entry.run);
    const nodes = nodesHere([...entry.nodeIds.values()]);
    const [first, ...others] = entry.nodeIds.values();
    const nodeId = entry.nodeIds.get(place) ?? (others.length === 0 ? first : undefined);
    const text = stack === undefined ? nodes : `${nodes}\n${stack.text}`;
    report(entry, { kind: 'memory', nodeId, host: entry.host, forMs: 0, stack: text, memoryBytes });
  }
}

/** Of the segments of a run the one with the node at this place, else one that has nodes. */
function oneOfEachRun(due: readonly WatcherEntry[], place: number): Iterable<WatcherEntry> {
  const chosen = new Map<number, WatcherEntry>();
  for (const entry of due) {
    const before = chosen.get(entry.run);
    if (before === undefined || before.nodeIds.size === 0 || entry.nodeIds.has(place))
      chosen.set(entry.run, entry);
  }
  return chosen.values();
}

async function stackOrNone(): Promise<TakenStack | undefined> {
  try {
    return await takeStack(threadId);
  } catch {
    // This Node.js has no inspector.
    return undefined;
  }
}

function noStack(nodeId: string | undefined): string {
  const last = nodeId === undefined ? '' : ` Node "${nodeId}" was entered last.`;
  return `The stack cannot be had: the thread is in native code.${last}`;
}

function report(entry: WatcherEntry, found: StuckReport): void {
  const { key, direct, isPrintedAtOnce } = entry;
  if (direct !== undefined) void send(key, direct, found);
  else if (isPrintedAtOnce) void print(found);
  else reports.postMessage({ key, report: found } satisfies WatcherReport);
}

async function print(found: StuckReport): Promise<void> {
  const { describeStuck } = await import('../../segment/index.js');
  // What goes by process.stderr waits for the main thread.
  writeSync(2, `remotemedia warn: ${describeStuck(found)}\n`);
}

async function send(key: number, direct: DirectReports, found: StuckReport): Promise<void> {
  let control = connections.get(key);
  if (control === undefined) {
    control = dial(direct);
    connections.set(key, control);
  }
  try {
    (await control).emit('stuck', { segment: direct.segment, ...found });
  } catch {
    // The engine has gone, and this process with it.
    connections.delete(key);
  }
}

async function dial({ address, token }: DirectReports): Promise<ControlConnection> {
  const { ControlConnection, helloOf } = await import('../../protocol/index.js');
  return ControlConnection.dial(address, helloOf(token, 'watch'), 'the engine', {
    onClosed: () => undefined,
  });
}
