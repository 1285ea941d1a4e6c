import type { FanInPolicy } from './fan-in.js';
import type { NodeSettings, OnError, RetryPolicy, WhenFull } from './settings.js';

/** A failure policy as manifests and control messages hold it. */
export interface WrittenFailurePolicy {
  /** What becomes of an item for which `process` fails, after the last retry. */
  readonly on_error?: OnError | null | undefined;
  /** Calls that fail are made again. */
  readonly retry?:
    | {
        /** Calls after the first one. */
        readonly attempts: number;
        /** Time before the first of them, in milliseconds. */
        readonly delay_ms?: number | null | undefined;
        /** How many times longer each wait is than the one before. */
        readonly factor?: number | null | undefined;
        /** Longest wait, in milliseconds. */
        readonly max_delay_ms?: number | null | undefined;
      }
    | null
    | undefined;
  /** How long an async `process` may take for its result, or for the next of many, in milliseconds. */
  readonly timeout_ms?: number | null | undefined;
}

/** Limits of a queue as manifests and control messages hold them. */
export interface WrittenQueueLimits {
  /** Most items that wait. */
  readonly max_items?: number | null | undefined;
  /** Most bytes that wait, of buffers and texts. */
  readonly max_bytes?: number | null | undefined;
  /** How long an item may wait, in milliseconds. */
  readonly max_age_ms?: number | null | undefined;
  /** What becomes of an item that finds the queue full. */
  readonly when_full?: WhenFull | null | undefined;
}

/** How several inputs come together, as manifests and control messages hold it. */
export interface WrittenFanIn {
  /** `merge`, `zip`, `latest` or `timestamp`. */
  readonly policy: FanInPolicy;
  /** Of `timestamp`: how far times may lie apart, in µs. */
  readonly tolerance_us?: number | null | undefined;
  /** How long an item waits for the others, in milliseconds. */
  readonly max_wait_ms?: number | null | undefined;
  /** What becomes of what finds nothing that fits. */
  readonly incomplete?: 'drop' | 'pass' | null | undefined;
}

/** A restart policy as manifests hold it. */
export interface WrittenRestart {
  /** How often, in one run or session. */
  readonly limit: number;
  /** What becomes of items that were in the host. */
  readonly items?: 'redeliver' | 'report' | null | undefined;
}

/** The settings of a node as manifests and control messages hold them. */
export interface WrittenSettings {
  /** How many items an async `process` may work on at once. */
  readonly concurrency?: number | null | undefined;
  /** Whether outputs of several calls at once are given as they come. */
  readonly unordered?: boolean | null | undefined;
  /** What is done where `process` fails for an item. */
  readonly failure_policy?: OnError | WrittenFailurePolicy | null | undefined;
  /** How many items wait for the node, and what becomes of more. */
  readonly input_queue?: WhenFull | WrittenQueueLimits | null | undefined;
  /** How many workers or processes have the node. */
  readonly replicas?: number | null | undefined;
  /** How items of several inputs come to the node. */
  readonly fan_in?: FanInPolicy | WrittenFanIn | null | undefined;
  /** How often the host of the node is started again when it dies, and what becomes of the items that were in it. */
  readonly restart?: number | WrittenRestart | null | undefined;
}

/** Settings in the form of manifests; only what is stated. */
export function writeSettings(settings: NodeSettings): WrittenSettings {
  const { concurrency, unordered, failurePolicy, inputQueue, replicas, fanIn, restart } = settings;
  return withoutAbsent({
    concurrency,
    unordered,
    failure_policy: writePolicy(failurePolicy),
    input_queue: writeQueue(inputQueue),
    replicas,
    fan_in: writeFanIn(fanIn),
    restart,
  });
}

/** Settings from the form of manifests; only what is stated. */
export function readSettings(written: WrittenSettings): NodeSettings {
  const { concurrency, unordered, failure_policy, input_queue, replicas, fan_in, restart } = written;
  return withoutAbsent({
    concurrency,
    unordered,
    failurePolicy: readPolicy(failure_policy),
    inputQueue: readQueue(input_queue),
    replicas,
    fanIn: readFanIn(fan_in),
    restart:
      typeof restart !== 'object' || restart === null
        ? restart
        : { limit: restart.limit, ...withoutAbsent({ items: restart.items }) },
  });
}

/** Limits of a queue in the form of manifests. */
export function writeQueue(limits: NodeSettings['inputQueue']): WrittenSettings['input_queue'] {
  if (typeof limits !== 'object') return limits;
  const { maxItems, maxBytes, maxAgeMs, whenFull } = limits;
  return withoutAbsent({
    max_items: maxItems,
    max_bytes: maxBytes,
    max_age_ms: maxAgeMs,
    when_full: whenFull,
  });
}

/** Limits of a queue from the form of manifests. */
export function readQueue(limits: WrittenSettings['input_queue']): NodeSettings['inputQueue'] {
  if (typeof limits !== 'object' || limits === null) return limits ?? undefined;
  const { max_items: maxItems, max_bytes: maxBytes, max_age_ms: maxAgeMs, when_full: whenFull } = limits;
  return withoutAbsent({ maxItems, maxBytes, maxAgeMs, whenFull });
}

function writeFanIn(fanIn: NodeSettings['fanIn']): WrittenSettings['fan_in'] {
  if (typeof fanIn !== 'object') return fanIn;
  const { policy, toleranceUs, maxWaitMs, incomplete } = fanIn;
  return { policy, ...withoutAbsent({ tolerance_us: toleranceUs, max_wait_ms: maxWaitMs, incomplete }) };
}

function readFanIn(fanIn: WrittenSettings['fan_in']): NodeSettings['fanIn'] {
  if (typeof fanIn !== 'object' || fanIn === null) return fanIn ?? undefined;
  const { policy, tolerance_us: toleranceUs, max_wait_ms: maxWaitMs, incomplete } = fanIn;
  return { policy, ...withoutAbsent({ toleranceUs, maxWaitMs, incomplete }) };
}

function writePolicy(policy: NodeSettings['failurePolicy']): WrittenSettings['failure_policy'] {
  if (typeof policy !== 'object') return policy;
  const { onError, retry, timeoutMs } = policy;
  return withoutAbsent({ on_error: onError, retry: retry && writeRetry(retry), timeout_ms: timeoutMs });
}

function writeRetry({ attempts, delayMs, factor, maxDelayMs }: RetryPolicy): object & { attempts: number } {
  return { attempts, ...withoutAbsent({ delay_ms: delayMs, factor, max_delay_ms: maxDelayMs }) };
}

function readPolicy(policy: WrittenSettings['failure_policy']): NodeSettings['failurePolicy'] {
  if (typeof policy !== 'object' || policy === null) return policy ?? undefined;
  const { on_error: onError, retry, timeout_ms: timeoutMs } = policy;
  const read = { onError, retry: retry && readRetry(retry), timeoutMs };
  return withoutAbsent(read);
}

function readRetry(retry: NonNullable<WrittenFailurePolicy['retry']>): RetryPolicy {
  const { attempts, delay_ms: delayMs, factor, max_delay_ms: maxDelayMs } = retry;
  return { attempts, ...withoutAbsent({ delayMs, factor, maxDelayMs }) };
}

type Present<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** Manifests state what is absent as `null` too. */
function withoutAbsent<T extends object>(fields: T): Present<T> {
  const present = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(present) as Present<T>;
}
