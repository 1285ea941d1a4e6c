import { createRequire } from 'node:module';
import type { Runtime, Session } from 'node:inspector';

const require = createRequire(import.meta.url);
const GROUP = 'remotemedia.serialization';

/** Variables of one scope, as they are now: copies. */
export interface ScopeCopy {
  /** `Module`, `Closure (name)`, `Block`, `Script`, …; the global scope is left out. */
  readonly description: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Where a function's text stands. */
export interface FunctionLocation {
  readonly scriptId: string;
  /** Empty for code without a file. */
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** What JavaScript itself does not show of a function. */
export interface FunctionInsight {
  readonly location: FunctionLocation | undefined;
  /** Innermost first. */
  readonly scopes: readonly ScopeCopy[];
  /** For a bound function. */
  readonly bound: { readonly target: unknown; readonly self: unknown; readonly args: unknown[] } | undefined;
}

interface Holder {
  in: unknown;
  out: unknown;
}

interface Connection {
  readonly session: Session;
  readonly holder: Holder;
  readonly holderId: string;
}

let connection: Connection | undefined;
let unavailable: Error | undefined;
const scriptUrls = new Map<string, string>();
let wasDebuggerAsked = new Set<string>();

/** Why functions cannot be looked into, or `undefined` where they can: `--permission` and other runtimes forbid it. */
export function inspectorFailure(): Error | undefined {
  if (connection === undefined && unavailable === undefined) {
    try {
      connection = connect();
    } catch (error) {
      unavailable = error instanceof Error ? error : new Error(String(error));
    }
  }
  return unavailable;
}

/** Looks into a function, at the cost of 0.1 ms; call {@link inspectorFailure} first. Its objects are released at once. */
export function inspectFunction(fn: object): FunctionInsight {
  return withObjects(() => {
    const { internalProperties = [] } = post<Runtime.GetPropertiesReturnType>('Runtime.getProperties', {
      objectId: handleOf(fn),
      ownProperties: true,
    });
    const internal = new Map(internalProperties.map(({ name, value }) => [name, value]));
    return {
      location: locationOf(internal.get('[[FunctionLocation]]')),
      scopes: copyScopes(internal.get('[[Scopes]]')),
      bound: boundOf(internal),
    };
  });
}

function connect(): Connection {
  const { Session } = require('node:inspector') as typeof import('node:inspector');
  const session = new Session();
  session.connect();
  const holder: Holder = { in: undefined, out: undefined };
  const name = `remotemedia${String(Math.random()).slice(2)}`;
  Object.defineProperty(globalThis, name, { value: holder, configurable: true });
  try {
    const { result } = postTo<Runtime.EvaluateReturnType>(session, 'Runtime.evaluate', {
      expression: `globalThis.${name}`,
    });
    if (result.objectId === undefined) throw new Error('the inspector gives no objects');
    return { session, holder, holderId: result.objectId };
  } finally {
    Reflect.deleteProperty(globalThis, name);
  }
}

function ready(): Connection {
  const failure = inspectorFailure();
  if (failure !== undefined || connection === undefined) throw failure ?? new Error('no inspector');
  return connection;
}

/** The inspector answers calls from its own thread before `post` returns. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the protocol says what each method answers.
function postTo<Result>(session: Session, method: string, params?: object): Result {
  let answer: unknown;
  let failure: Error | null = null;
  (session.post as (method: string, params: object | undefined, done: (...args: unknown[]) => void) => void)(
    method,
    params,
    (error, result) => {
      failure = error as Error | null;
      answer = result;
    },
  );
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- assigned in the callback.
  if (failure !== null) throw new Error(`inspector: ${method}: ${JSON.stringify(failure)}`);
  return answer as Result;
}

// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as above.
function post<Result>(method: string, params?: object): Result {
  return postTo(ready().session, method, params);
}

function handleOf(value: unknown): string {
  const { holder, holderId } = ready();
  holder.in = value;
  const { result } = post<Runtime.CallFunctionOnReturnType>('Runtime.callFunctionOn', {
    objectId: holderId,
    functionDeclaration: 'function () { return this.in; }',
    objectGroup: GROUP,
  });
  if (result.objectId === undefined) throw new Error('the inspector gives no handle');
  return result.objectId;
}

/** The value behind a handle. */
function valueOf(remote: Runtime.RemoteObject | undefined): unknown {
  if (remote?.objectId === undefined) {
    if (remote?.unserializableValue === undefined) return remote?.value as unknown;
    if (remote.type === 'bigint') return BigInt(remote.unserializableValue.slice(0, -1));
    return Number(remote.unserializableValue);
  }
  return runOn(remote.objectId, 'function (holder) { holder.out = this; }');
}

function runOn(objectId: string, functionDeclaration: string): unknown {
  const { holder, holderId } = ready();
  post('Runtime.callFunctionOn', { objectId, functionDeclaration, arguments: [{ objectId: holderId }] });
  return holder.out;
}

function copyScopes(list: Runtime.RemoteObject | undefined): ScopeCopy[] {
  if (list?.objectId === undefined) return [];
  const copies = runOn(
    list.objectId,
    `function (holder) {
      const copies = [];
      for (let index = 0; index < this.length; index++) {
        const { description, object } = this[index];
        if (object !== globalThis) copies.push({ description, variables: object });
      }
      holder.out = copies;
    }`,
  );
  return copies as ScopeCopy[];
}

function boundOf(internal: Map<string, Runtime.RemoteObject | undefined>): FunctionInsight['bound'] {
  if (!internal.has('[[TargetFunction]]')) return undefined;
  return {
    target: valueOf(internal.get('[[TargetFunction]]')),
    self: valueOf(internal.get('[[BoundThis]]')),
    args: valueOf(internal.get('[[BoundArgs]]')) as unknown[],
  };
}

function locationOf(remote: Runtime.RemoteObject | undefined): FunctionLocation | undefined {
  const value = remote?.value as { scriptId: string; lineNumber: number; columnNumber: number } | undefined;
  if (value === undefined) return undefined;
  const { scriptId, lineNumber: line, columnNumber: column } = value;
  return { scriptId, url: urlOf(scriptId), line, column };
}

/**
 * The inspector names the files of scripts in two ways. Coverage costs a few milliseconds, and knows the scripts that have code in memory; the
 * debugger knows them all, and takes up to 0.3 s in a large program, as it hashes every source.
 */
function urlOf(scriptId: string): string {
  const known = scriptUrls.get(scriptId);
  if (known !== undefined) return known;
  askCoverage();
  if (!scriptUrls.has(scriptId) && !wasDebuggerAsked.has(scriptId)) {
    wasDebuggerAsked = wasDebuggerAsked.add(scriptId);
    askDebugger();
  }
  return scriptUrls.get(scriptId) ?? '';
}

function askCoverage(): void {
  // The domain is shared with nobody: a profiler that someone else started runs in a session of its own.
  post('Profiler.enable');
  const { result } = post<{ result: { scriptId: string; url: string }[] }>('Profiler.getBestEffortCoverage');
  post('Profiler.disable');
  for (const { scriptId, url } of result) scriptUrls.set(scriptId, url);
}

/** Enabled and disabled in the same tick: while it is on, every `await` costs ten times as much. */
function askDebugger(): void {
  const { session } = ready();
  const listen = ({ params }: { params: { scriptId: string; url: string } }): void => {
    scriptUrls.set(params.scriptId, params.url);
  };
  session.on('Debugger.scriptParsed', listen);
  try {
    post('Debugger.enable');
    post('Debugger.disable');
  } finally {
    session.off('Debugger.scriptParsed', listen);
  }
}

/** The parts of a heap snapshot that are read: nodes and edges as flat lists of numbers, described by `meta`. */
export interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly edge_fields: readonly string[];
      readonly edge_types: readonly unknown[];
    };
  };
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  readonly strings: readonly string[];
}

/** Takes a snapshot of the heap. */
export async function takeHeapSnapshot(): Promise<HeapSnapshot> {
  const { session } = ready();
  const chunks: string[] = [];
  const listen = ({ params }: { params: { chunk: string } }): void => void chunks.push(params.chunk);
  session.on('HeapProfiler.addHeapSnapshotChunk', listen);
  try {
    await new Promise<void>((resolve, reject) => {
      session.post('HeapProfiler.takeHeapSnapshot', { reportProgress: false }, (error) => {
        if (error === null) resolve();
        else reject(new Error(`inspector: HeapProfiler.takeHeapSnapshot: ${JSON.stringify(error)}`));
      });
    });
  } finally {
    session.off('HeapProfiler.addHeapSnapshotChunk', listen);
  }
  return JSON.parse(chunks.join('')) as HeapSnapshot;
}

/** The id that an object has in a snapshot. Objects have ids only since the first one. */
export function heapIdOf(object: object): string {
  return withObjects(() => {
    const objectId = handleOf(object);
    return post<{ heapSnapshotObjectId: string }>('HeapProfiler.getHeapObjectId', { objectId })
      .heapSnapshotObjectId;
  });
}

/** The object that has an id, or `undefined` where it is none, such as `undefined` itself. */
export function objectOfHeapId(id: number): object | undefined {
  return withObjects(() => {
    let remote: Runtime.RemoteObject;
    try {
      remote = post<{ result: Runtime.RemoteObject }>('HeapProfiler.getObjectByHeapObjectId', {
        objectId: String(id),
        objectGroup: GROUP,
      }).result;
    } catch {
      // The engine gives objects only.
      return undefined;
    }
    return valueOf(remote) as object;
  });
}

/** Ends that the engine keeps the ids of all objects. */
export function releaseHeapIds(): void {
  post('HeapProfiler.disable');
}

/** Lets go of all objects that the inspector was given meanwhile. */
function withObjects<Result>(run: () => Result): Result {
  const { holder } = ready();
  try {
    return run();
  } finally {
    holder.in = undefined;
    holder.out = undefined;
    post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
  }
}
