import type { Debugger, InspectorNotification, Session } from 'node:inspector';
import { PLACE_OF } from './messages.js';

/** What a thread was doing. */
export interface TakenStack {
  /** Its frames, innermost first. */
  readonly text: string;
  /** The place of the node whose code it is; 0 where it is no node's. */
  readonly place: number;
}

/** A thread in native code stops for nobody; another one may have to let go of the processor first. */
const TIMEOUT_MS = 2000;

/** What is asked in each frame: the place of the stage that it belongs to, or, negative, of the node. */
const PLACE_IN_FRAME = `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(PLACE_OF))})]?.(typeof stage === 'object' && stage !== null ? stage : this) ?? 0`;

/** How a debugger talks to one thread. */
interface Target {
  post(method: string, params?: object): Promise<unknown>;
  onEvent: (method: string, params: unknown) => void;
}

/**
 * Stops a thread for a moment to see where it is, as a debugger does; also one whose code never returns.
 *
 * @param threadId - 0 for the main thread
 * @returns `undefined` where it cannot be stopped in time
 */
export async function takeStack(threadId: number): Promise<TakenStack | undefined> {
  const inspector = await import('node:inspector');
  const session = new inspector.Session();
  session.connectToMainThread();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS, undefined)));
  try {
    return await Promise.race([stopAndLook(session, threadId), timeout]);
  } finally {
    clearTimeout(timer);
    // It also lets a thread go on that stops only now.
    session.disconnect();
  }
}

async function stopAndLook(session: Session, threadId: number): Promise<TakenStack> {
  const target = threadId === 0 ? mainThread(session) : await workerThread(session, threadId);
  const urls = new Map<string, string>();
  const paused = new Promise<Debugger.PausedEventDataType>((resolve) => {
    target.onEvent = (method, params) => {
      if (method === 'Debugger.scriptParsed') {
        const { scriptId, url } = params as Debugger.ScriptParsedEventDataType;
        urls.set(scriptId, url);
      } else if (method === 'Debugger.paused') resolve(params as Debugger.PausedEventDataType);
    };
  });
  await target.post('Debugger.enable');
  void target.post('Debugger.pause');
  const { callFrames } = await paused;
  const { place, count } = await placeOf(callFrames, target);
  await target.post('Debugger.resume');
  await target.post('Debugger.disable');
  const frames = callFrames.slice(0, Math.max(count, 1));
  return { text: frames.map((frame) => describeFrame(frame, urls)).join('\n'), place };
}

/** The innermost stage says it, and `count` how many frames are the node's; one that runs on after an await has no stage in its stack. */
async function placeOf(
  frames: readonly Debugger.CallFrame[],
  target: Target,
): Promise<{ readonly place: number; readonly count: number }> {
  let place = 0;
  let ofNode = 0;
  for (const [index, { callFrameId }] of frames.entries()) {
    const params = { callFrameId, expression: PLACE_IN_FRAME, silent: true, returnByValue: true };
    const answer = (await target.post('Debugger.evaluateOnCallFrame', params)) as {
      readonly result?: { readonly value?: unknown };
    };
    const found = answer.result?.value;
    if (typeof found !== 'number' || found === 0) continue;
    if (found > 0) return { place: found, count: ofNode === 0 ? index : ofNode };
    ofNode = index + 1;
    if (place === 0) place = -found;
  }
  return { place, count: frames.length };
}

function describeFrame({ functionName, location }: Debugger.CallFrame, urls: Map<string, string>): string {
  const { scriptId, lineNumber, columnNumber = 0 } = location;
  const where = `${urls.get(scriptId) ?? ''}:${String(lineNumber + 1)}:${String(columnNumber + 1)}`;
  return functionName === '' ? `    at ${where}` : `    at ${functionName} (${where})`;
}

function mainThread(session: Session): Target {
  const target: Target = {
    onEvent: () => undefined,
    post: (method, params = {}) =>
      new Promise((resolve, reject) => {
        session.post(method, params, (error, result) => {
          // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it is null where there is none.
          if (error === null || error === undefined) resolve(result);
          else reject(error);
        });
      }),
  };
  session.on('inspectorNotification', ({ method, params }: InspectorNotification<object>) => {
    target.onEvent(method, params);
  });
  return target;
}

/** Messages to a worker go through the main thread, in messages of its own. */
async function workerThread(session: Session, threadId: number): Promise<Target> {
  const main = mainThread(session);
  const sessionId = await new Promise<string>((resolve) => {
    main.onEvent = (method, params) => {
      if (method !== 'NodeWorker.attachedToWorker') return;
      const { sessionId: id, workerInfo } = params as {
        readonly sessionId: string;
        readonly workerInfo: { readonly title: string };
      };
      if (workerInfo.title.startsWith(`[worker ${String(threadId)}]`)) resolve(id);
    };
    void main.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
  const pending = new Map<number, (result: unknown) => void>();
  let lastId = 0;
  const target: Target = {
    onEvent: () => undefined,
    post: (method, params = {}) =>
      new Promise((resolve) => {
        const id = ++lastId;
        pending.set(id, resolve);
        const message = JSON.stringify({ id, method, params });
        void main.post('NodeWorker.sendMessageToWorker', { sessionId, message });
      }),
  };
  main.onEvent = (method, params) => {
    if (method !== 'NodeWorker.receivedMessageFromWorker') return;
    const given = params as { readonly sessionId: string; readonly message: string };
    if (given.sessionId !== sessionId) return;
    const message = JSON.parse(given.message) as {
      readonly id?: number;
      readonly result?: unknown;
      readonly method?: string;
      readonly params?: unknown;
    };
    if (message.id !== undefined) pending.get(message.id)?.(message.result);
    else target.onEvent(message.method ?? '', message.params);
  };
  return target;
}
