import { isThenable } from './results.js';

type LifecycleMethod = 'initialize' | 'cleanup';

interface LifecycleNode {
  initialize(context?: never): unknown;
  cleanup?(): unknown;
}

interface LifecycleRecord {
  isInitialized: boolean;
  /** How deep calls of the two methods are nested at the moment, because overrides call super. */
  callDepth: number;
  /** Runs that use the instance now. */
  runs: number;
  /** The user had initialized it before the first of these runs, so they neither initialize nor clean up. */
  isUsers: boolean;
  /** Pending `initialize` or `cleanup` of the runtime. */
  pending: Promise<unknown> | undefined;
}

/** Weak, so that an instance is not kept by having run; also serves objects without the base class. */
const records = new WeakMap<object, LifecycleRecord>();
const wrappedPrototypes = new WeakSet();

function recordOf(node: object): LifecycleRecord {
  let record = records.get(node);
  if (record === undefined) {
    record = { isInitialized: false, callDepth: 0, runs: 0, isUsers: false, pending: undefined };
    records.set(node, record);
  }
  return record;
}

/** Whether `initialize` has run, and `cleanup` has not run since. */
export function isInitialized(node: object): boolean {
  return records.get(node)?.isInitialized ?? false;
}

/** Whether a run uses the node now. */
export function isRunning(node: object): boolean {
  return (records.get(node)?.runs ?? 0) > 0;
}

/**
 * Makes every `initialize` and `cleanup` between a class and the base class record its calls, so that the runtime knows what the user
 * has called already, whether or not an override calls super.
 */
export function recordLifecycleCalls(prototype: object, base: object): void {
  for (
    let current = prototype;
    !wrappedPrototypes.has(current);
    current = Object.getPrototypeOf(current) as object
  ) {
    wrappedPrototypes.add(current);
    wrapMethod(current, 'initialize');
    wrapMethod(current, 'cleanup');
    if (current === base) return;
  }
}

function wrapMethod(prototype: object, name: LifecycleMethod): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  const method: unknown = descriptor?.value;
  if (descriptor === undefined || typeof method !== 'function') return;
  const recorded = function (this: object, ...args: unknown[]): unknown {
    return recordCall(this, name, () => Reflect.apply(method, this, args) as unknown);
  };
  Object.defineProperty(recorded, 'name', { value: name });
  // A class that is serialized takes the method along; the other side records by itself.
  Object.defineProperty(recorded, Symbol.for('remotemedia.standsFor'), { value: method });
  Object.defineProperty(prototype, name, { ...descriptor, value: recorded });
}

function recordCall(node: object, name: LifecycleMethod, call: () => unknown): unknown {
  const record = recordOf(node);
  record.callDepth++;
  // Only the outermost call counts: an override may still fail after its super call.
  const finish = (succeeded: boolean): void => {
    if (--record.callDepth === 0) record.isInitialized = succeeded && name === 'initialize';
  };
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    finish(false);
    throw error;
  }
  if (!isThenable(result)) {
    finish(true);
    return result;
  }
  return result.then(
    (value) => {
      finish(true);
      return value;
    },
    (error: unknown) => {
      finish(false);
      throw error;
    },
  );
}

/**
 * A run begins to use a node: initializes it, unless the user has or another run did.
 * Gives a promise only where there is something to wait for.
 */
export function acquireNode(node: LifecycleNode, context: unknown): Promise<void> | undefined {
  const record = recordOf(node);
  if (record.pending !== undefined) return acquireLater(node, record, context);
  record.runs++;
  if (record.runs > 1) return undefined;
  record.isUsers = record.isInitialized;
  if (record.isUsers) return undefined;
  try {
    const result = recordCall(node, 'initialize', () => node.initialize(context as never));
    if (!isThenable(result)) return undefined;
    // The count is right again before anyone who waits for the outcome looks at it.
    const counted = Promise.resolve(result).catch((error: unknown) => {
      record.runs--;
      throw error;
    });
    return track(record, counted);
  } catch (error) {
    record.runs--;
    throw error;
  }
}

async function acquireLater(node: LifecycleNode, record: LifecycleRecord, context: unknown): Promise<void> {
  // How it ended is told to the run that started it; this one looks at the record and tries for itself.
  await Promise.allSettled([record.pending]);
  await acquireNode(node, context);
}

/** A run no longer uses a node: the last one cleans it up, unless the user had initialized it. */
export function releaseNode(node: LifecycleNode): Promise<void> | undefined {
  const record = recordOf(node);
  record.runs--;
  if (record.runs > 0 || record.isUsers) return undefined;
  const result = recordCall(node, 'cleanup', () => node.cleanup?.());
  return isThenable(result) ? track(record, Promise.resolve(result)) : undefined;
}

async function track(record: LifecycleRecord, work: Promise<unknown>): Promise<void> {
  record.pending = work;
  try {
    await work;
  } finally {
    record.pending = undefined;
  }
}
