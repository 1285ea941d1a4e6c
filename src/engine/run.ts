import { RemoteMediaError } from '../errors/index.js';
import { InProcessHost, type Host } from '../hosts/index.js';
import { Part, PipelineOfParts, queuedEdges, Session, withRelays, type PartNode } from '../runtime/index.js';
import {
  CollectSink,
  LossBatch,
  type LossEntry,
  type StuckReport,
  type TakeDeadLetter,
} from '../segment/index.js';
import type { FollowedRun } from './follow.js';
import type { PipelineNodeMessage, RunAnswer, RunRequest } from './messages.js';
import { Placement, type PlacementRequest } from './placement.js';

/** What a run needs of its engine. */
export interface RunPlace extends Omit<PlacementRequest, 'pipeline' | 'python'> {
  /** The run, as others know it. */
  readonly followed: FollowedRun;
  /** A run of the same session that is under way. */
  readonly runOf: (id: string) => FollowedRun | undefined;
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
 * Runs a pipeline of a driver to its end. When this settles nothing of the run is left, but for nodes that another run of its session has.
 *
 * @throws what the run failed with; `signal.reason` where it was cancelled
 */
export async function runPipeline(request: RunRequest, place: RunPlace): Promise<RunAnswer> {
  const { followed } = place;
  let stuckId: string | undefined;
  try {
    followed.nodes = await nodesOf(request, place);
    return await execute(request, place);
  } catch (error) {
    if (error instanceof RemoteMediaError && error.code === 'RM_CANCEL_TIMEOUT') stuckId = error.nodeId;
    throw error;
  } finally {
    // What is stuck ends, whichever run it was made for: the session does as well.
    if (stuckId !== undefined) for (const placement of followed.placements) await placement.release(stuckId);
  }
}

/** The nodes of a run: those of the run before that stay, and new ones, which are one part. */
async function nodesOf({ pipeline, python }: RunRequest, place: RunPlace): Promise<PartNode[]> {
  const { followed, runOf } = place;
  const { signal } = followed.controller;
  // Before anything is started for it.
  signal.throwIfAborted();
  const made = pipeline.nodes.filter((node): node is PipelineNodeMessage => !('of' in node));
  const placement = new Placement({
    ...place,
    pipeline: { ...pipeline, nodes: made },
    python: python ?? undefined,
  });
  const before = [...new Set(pipeline.nodes.flatMap((node) => ('of' in node ? [runOf(node.of)] : [])))];
  followed.states = before[0]?.states ?? followed.states;
  followed.placements = [placement, ...before.flatMap((run) => run?.placements ?? [])];
  try {
    const added = await unlessAborted(placement.make(), signal);
    const part = new Part({
      name: pipeline.name,
      nodes: added,
      edges: [],
      // Their states are asked for before the hosts close.
      bringHome: async () => void Object.assign(followed.states, await placement.states()),
      // Of what is stuck it is not known here what it is.
      release: (how) => (how === 'stuck' ? Promise.resolve() : placement.release(undefined)),
    });
    return pipeline.nodes.map((message) => {
      const node = 'of' in message ? undefined : added.find(({ id }) => id === message.id);
      if (node !== undefined) return { node, part };
      return stayingNode(message.id, before);
    });
  } catch (error) {
    await placement.release(undefined);
    throw error;
  }
}

function stayingNode(id: string, before: readonly (FollowedRun | undefined)[]): PartNode {
  for (const run of before) {
    const known = run?.nodes.find(({ node }) => node.id === id);
    if (known !== undefined) return known;
  }
  throw new RemoteMediaError('RM_CLOSED', `The run whose node "${id}" was to go on has ended.`);
}

/** The pipeline of a run, with what passes through the engine, which is the one thing that does. */
function pipelineOf(
  name: string,
  nodes: readonly PartNode[],
  edges: ReturnType<typeof queuedEdges>,
  driver: Host,
): PipelineOfParts {
  const given = new Map(nodes.map((part) => [part.node, part]));
  const graph = withRelays({ nodes: [...given.keys()], edges }, new InProcessHost('engine'), driver);
  const release = (): Promise<void> => Promise.resolve();
  const relays = new Part({
    name,
    nodes: graph.nodes.filter((node) => !given.has(node)),
    edges: [],
    release,
  });
  const all = graph.nodes.map((node) => given.get(node) ?? { node, part: relays });
  return new PipelineOfParts(name, all, graph.edges);
}

async function execute(
  { pipeline, isInputGiven, metrics, session: sessionId, accounted, after, watch }: RunRequest,
  { driver, settings, followed, onReady, onSession, onDeadLetter, onLosses, onStuck, runOf }: RunPlace,
): Promise<RunAnswer> {
  const { name, nodes, connections } = pipeline;
  const ids = nodes.map(({ id }) => id);
  const edges = queuedEdges(connections, ids);
  const resolved = pipelineOf(name, followed.nodes, edges, driver);
  if (typeof after === 'string') runOf(after)?.precede(followed);
  // Both ends of the pipeline are in the driver.
  const input = { isGiven: isInputGiven, items: [] };
  const losses = accounted === true ? new LossBatch(onLosses) : undefined;
  try {
    const request = {
      driver,
      output: new CollectSink(),
      logger: settings.logger,
      isMetered: metrics,
      signal: followed.controller.signal,
      isInterruptible: false,
      onDeadLetter,
      onLoss: losses?.add,
      onReady,
      isLive: typeof sessionId === 'string',
      id: sessionId ?? undefined,
      watch: watch ? { ...watch, isPrintedAtOnce: false, report: onStuck } : undefined,
    };
    const session = new Session(resolved, input, request, followed);
    session.joinOutput();
    onSession(session);
    await session.execute();
    return { metrics: metrics ? session.metrics() : null, states: followed.takeStates() };
  } finally {
    losses?.flush();
    await resolved.release('failed');
  }
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
