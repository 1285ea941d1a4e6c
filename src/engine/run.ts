import { RemoteMediaError } from '../errors/index.js';
import { InProcessHost } from '../hosts/index.js';
import { queuedEdges, Session, withRelays, type ResolvedPipeline } from '../runtime/index.js';
import {
  CollectSink,
  LossBatch,
  type LossEntry,
  type StuckReport,
  type TakeDeadLetter,
} from '../segment/index.js';
import type { RunAnswer, RunRequest } from './messages.js';
import { Placement, type PlacementRequest } from './placement.js';

/** What a run needs of its engine. */
export interface RunPlace extends Omit<PlacementRequest, 'pipeline' | 'python'> {
  /** Called once all segments have started and nothing has failed. */
  readonly onReady: () => void;
  /** Called with the run, which may be interrupted from then on. */
  readonly onSession: (session: Session) => void;
  /** Called for each item that a failure policy gives up outside the driver, which knows of its own. */
  readonly onDeadLetter: TakeDeadLetter;
  /** Called with items that have come to nothing outside the driver, where it keeps account. */
  readonly onLosses: (losses: readonly LossEntry[]) => void;
  /** Called with what holds the run up, where it is watched. */
  readonly onStuck: (report: StuckReport) => void;
}

/**
 * Runs a pipeline of a driver to its end. When this settles nothing of the run is left.
 *
 * @param signal - cancels the run
 * @throws what the run failed with; `signal.reason` where it was cancelled
 */
export async function runPipeline(
  request: RunRequest,
  place: RunPlace,
  signal: AbortSignal,
): Promise<RunAnswer> {
  const placement = new Placement({
    ...place,
    pipeline: request.pipeline,
    python: request.python ?? undefined,
  });
  let stuckId: string | undefined;
  try {
    return await execute(request, place, placement, signal);
  } catch (error) {
    if (error instanceof RemoteMediaError && error.code === 'RM_CANCEL_TIMEOUT') stuckId = error.nodeId;
    throw error;
  } finally {
    await placement.release(stuckId);
  }
}

async function execute(
  { pipeline, isInputGiven, metrics, session: sessionId, accounted, watch }: RunRequest,
  { driver, settings, onReady, onSession, onDeadLetter, onLosses, onStuck }: RunPlace,
  placement: Placement,
  signal: AbortSignal,
): Promise<RunAnswer> {
  const { name, nodes, connections } = pipeline;
  // Before anything is started for it.
  signal.throwIfAborted();
  const ids = nodes.map(({ id }) => id);
  const edges = queuedEdges(connections, ids);
  const graph = { nodes: await unlessAborted(placement.make(), signal), edges };
  const resolved: ResolvedPipeline = {
    name,
    // The one thing that passes through the engine.
    ...withRelays(graph, new InProcessHost('engine'), driver),
    // Their states are asked for before the hosts close.
    release: () => Promise.resolve(),
  };
  const losses = accounted === true ? new LossBatch(onLosses) : undefined;
  // Both ends of the pipeline are in the driver.
  const input = { isGiven: isInputGiven, items: [] };
  const session = new Session(resolved, input, {
    driver,
    output: new CollectSink(),
    logger: settings.logger,
    isMetered: metrics,
    signal,
    isInterruptible: false,
    onDeadLetter,
    onLoss: losses?.add,
    onReady,
    isLive: typeof sessionId === 'string',
    id: sessionId ?? undefined,
    watch: watch ? { ...watch, isPrintedAtOnce: false, report: onStuck } : undefined,
  });
  onSession(session);
  try {
    await session.execute();
  } finally {
    losses?.flush();
  }
  return { metrics: metrics ? session.metrics() : null, states: await placement.states() };
}

/** Nobody waits for hosts that start once the run is cancelled. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
