import { checker, invalid, isFrom, isWhole, type Check } from './checker.js';
import { fanInOf, type CheckedFanIn, type FanIn, type FanInPolicy } from './fan-in.js';
import type { AnyNode } from './node.js';
import { roleOf } from './role.js';

/** How often, and after how long, a call of `process` that has failed is made again, if it has given no output yet. */
export interface RetryPolicy {
  /** Calls after the first one, from 1. */
  readonly attempts: number;
  /** Time before the first of them, in milliseconds. @defaultValue 100 */
  readonly delayMs?: number | undefined;
  /** How many times longer each wait is than the one before, from 1. @defaultValue 2 */
  readonly factor?: number | undefined;
  /** Longest wait, in milliseconds. @defaultValue 30,000 */
  readonly maxDelayMs?: number | undefined;
}

/** What becomes of an item for which `process` fails: the run fails with it, or it is skipped and becomes a dead letter. */
export type OnError = 'fail' | 'skip';

/** What is done where `process` fails for an item. */
export interface FailurePolicy {
  /** What becomes of the item, after the last retry. @defaultValue `fail` */
  readonly onError?: OnError | undefined;
  /** Calls that fail are made again. @defaultValue none */
  readonly retry?: RetryPolicy | undefined;
  /**
   * How long an async `process` may take until it gives its result or, with many, the next output, in milliseconds; then the call has
   * failed, and its `context.signal` aborts. @defaultValue for ever
   */
  readonly timeoutMs?: number | undefined;
}

/**
 * What becomes of an item that finds a full queue: the nodes before it wait (`block`), the oldest one that waits goes (`drop-oldest`), it goes
 * itself (`drop-newest`), or it takes the place of all that wait (`latest`).
 */
export type WhenFull = 'block' | 'drop-oldest' | 'drop-newest' | 'latest';

/** Limits of a queue in front of a node, or at an end of a session. Urgent items are not dropped. */
export interface QueueLimits {
  /** Most items that wait. @defaultValue 16; with `latest` always 1 */
  readonly maxItems?: number | undefined;
  /** Most bytes that wait, of buffers and texts. @defaultValue no limit */
  readonly maxBytes?: number | undefined;
  /** How long an item may wait here, in milliseconds; those that have waited longer are dropped when their turn comes. @defaultValue for ever */
  readonly maxAgeMs?: number | undefined;
  /** What becomes of an item that finds the queue full. @defaultValue `block` */
  readonly whenFull?: WhenFull | undefined;
}

/** That a host which dies is started again with the node in it. */
export interface RestartPolicy {
  /** How often, in one run or session. */
  readonly limit: number;
  /**
   * What becomes of items that were in the host: the new one gets them again, so that each is processed at least once, or they become
   * dead letters. @defaultValue `redeliver`
   */
  readonly items?: 'redeliver' | 'report' | undefined;
}

/** What a user says of a node at its place, besides where it runs. */
export interface NodeSettings {
  /** How many items an async `process` may work on at once, from 1. @defaultValue 1 */
  concurrency?: number | undefined;
  /** Whether outputs of several calls at once are given as they come, instead of in the order of their items. @defaultValue false */
  unordered?: boolean | undefined;
  /** What is done where `process` fails for an item. @defaultValue `fail` */
  failurePolicy?: OnError | FailurePolicy | undefined;
  /** How many items wait for the node, and what becomes of more. @defaultValue 16 that wait where it is async or streaming */
  inputQueue?: WhenFull | QueueLimits | undefined;
  /** How many workers or processes have the node, each a copy of its own, from 1. @defaultValue 1 */
  replicas?: number | undefined;
  /** How items of several inputs come to the node. @defaultValue `merge`: each by itself, as it comes */
  fanIn?: FanInPolicy | FanIn | undefined;
  /**
   * How often the worker or process in which the node runs is started again when it dies, and what becomes of the items that were in it.
   * @defaultValue the run fails
   */
  restart?: number | RestartPolicy | undefined;
}

/** The same, checked and complete. */
export interface CheckedSettings {
  readonly concurrency: number;
  readonly unordered: boolean;
  /** Absent where every failure ends the run at once. */
  readonly failurePolicy: FailurePolicy | undefined;
  /** Absent where nothing is stated. */
  readonly inputQueue: CheckedQueue | undefined;
  /** Absent where items are merged. */
  readonly fanIn: CheckedFanIn | undefined;
  /** Absent where the run fails with its host. */
  readonly restart: CheckedRestart | undefined;
}

/** A restart policy, complete. */
export interface CheckedRestart {
  readonly limit: number;
  readonly items: 'redeliver' | 'report';
}

/** Limits of a queue, complete. */
export interface CheckedQueue {
  readonly maxItems: number;
  readonly maxBytes: number | undefined;
  readonly maxAgeMs: number | undefined;
  readonly whenFull: 'block' | 'drop-oldest' | 'drop-newest';
}

/** Items that wait in front of a node before those before it have to. */
const MAX_ITEMS = 16;

/** Those of a queue of which nothing is stated. */
export const DEFAULT_QUEUE: CheckedQueue = {
  maxItems: MAX_ITEMS,
  maxBytes: undefined,
  maxAgeMs: undefined,
  whenFull: 'block',
};

const NAMES = [
  'concurrency',
  'unordered',
  'failurePolicy',
  'inputQueue',
  'replicas',
  'fanIn',
  'restart',
] as const;
const WHEN_FULL: readonly unknown[] = ['block', 'drop-oldest', 'drop-newest', 'latest'];
const QUEUE_FIELDS: readonly string[] = ['maxItems', 'maxBytes', 'maxAgeMs', 'whenFull'];
const IN_FLIGHT: readonly unknown[] = ['redeliver', 'report'];
const ON_ERROR: readonly unknown[] = ['fail', 'skip'];
const POLICY_FIELDS: readonly string[] = ['onError', 'retry', 'timeoutMs'];
const RETRY_RANGES: Readonly<Record<string, number>> = { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0 };

/** Those that are stated. */
export function statedSettings(holder: NodeSettings): NodeSettings {
  const stated = NAMES.filter((name) => holder[name] !== undefined);
  return Object.fromEntries(stated.map((name) => [name, holder[name]]));
}

/** States settings for a node; what it has itself stays where they say nothing. */
export function applySettings(node: NodeSettings, settings: NodeSettings): void {
  Object.assign(node, statedSettings(settings));
}

/**
 * What a node states.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` that names node and setting
 */
export function settingsOf(node: AnyNode, nodeId: string): CheckedSettings {
  const { concurrency = 1, unordered = false, failurePolicy, inputQueue, restart } = node;
  const check = checker(`Node "${nodeId}": `);
  check('concurrency', isWhole(concurrency, 1), 'a whole number of at least 1', concurrency);
  check('unordered', typeof unordered === 'boolean', 'true or false', unordered);
  if (inputQueue !== undefined && roleOf(node) === 'source')
    throw invalid(
      `Node "${nodeId}": an inputQueue is for a node with an input, and this is a source node. Leave it out.`,
    );
  return {
    concurrency,
    unordered,
    failurePolicy: policyOf(failurePolicy, node, nodeId, check),
    inputQueue: inputQueue === undefined ? undefined : queueOf(inputQueue, 'inputQueue', check),
    fanIn: fanInOf(node, nodeId),
    restart: restartOf(restart, check),
  };
}

/** No restart at all is the same as nothing stated. */
function restartOf(given: number | RestartPolicy | undefined, check: Check): CheckedRestart | undefined {
  if (given === undefined || given === 0) return undefined;
  const isObject = typeof given === 'object' && (given as unknown) !== null;
  const wanted = 'a whole number from 0';
  check('restart', isObject || isWhole(given, 0), `${wanted}, or { limit: 3 }`, given);
  const policy: RestartPolicy = typeof given === 'object' ? given : { limit: given };
  check.names('restart', policy, ['limit', 'items']);
  const { limit, items = 'redeliver' } = policy;
  check('restart.limit', isWhole(limit, 0), wanted, limit);
  check('restart.items', IN_FLIGHT.includes(items), '"redeliver" or "report"', items);
  return limit === 0 ? undefined : { limit, items };
}

/**
 * The limits of a queue that somebody else than a node has.
 *
 * @param name - of the option that states them
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT`
 */
export function checkedQueue(limits: WhenFull | QueueLimits, name: string): CheckedQueue {
  return queueOf(limits, name, checker(''));
}

function queueOf(given: WhenFull | QueueLimits, name: string, check: Check): CheckedQueue {
  const isObject = typeof given === 'object' && (given as unknown) !== null;
  check(name, isObject || WHEN_FULL.includes(given), `an object or one of ${WHEN_FULL.join(', ')}`, given);
  const limits: QueueLimits = isObject ? given : { whenFull: given as WhenFull };
  check.names(name, limits, QUEUE_FIELDS);
  const { maxItems = MAX_ITEMS, maxBytes, maxAgeMs, whenFull = 'block' } = limits;
  check(`${name}.maxItems`, isWhole(maxItems, 1), 'a whole number of at least 1', maxItems);
  check(
    `${name}.maxBytes`,
    maxBytes === undefined || isWhole(maxBytes, 1),
    'a whole number of at least 1',
    maxBytes,
  );
  check(`${name}.maxAgeMs`, maxAgeMs === undefined || isFrom(maxAgeMs, 1), 'a number from 1', maxAgeMs);
  check(`${name}.whenFull`, WHEN_FULL.includes(whenFull), `one of ${WHEN_FULL.join(', ')}`, whenFull);
  return whenFull === 'latest'
    ? { maxItems: 1, maxBytes, maxAgeMs, whenFull: 'drop-oldest' }
    : { maxItems, maxBytes, maxAgeMs, whenFull };
}

/**
 * How many copies of a node are to work side by side.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` that names the node
 */
export function replicasOf({ replicas = 1 }: NodeSettings, nodeId: string): number {
  checker(`Node "${nodeId}": `)('replicas', isWhole(replicas, 1), 'a whole number of at least 1', replicas);
  return replicas;
}

function policyOf(
  given: OnError | FailurePolicy | undefined,
  node: AnyNode,
  nodeId: string,
  check: Check,
): FailurePolicy | undefined {
  if (given === undefined || given === 'fail') return undefined;
  const isObject = typeof given === 'object' && (given as unknown) !== null;
  check('failurePolicy', isObject || given === 'skip', '"fail", "skip" or an object', given);
  if (roleOf(node) !== 'process') {
    const role = roleOf(node) === 'source' ? 'source' : 'streaming';
    throw invalid(
      `Node "${nodeId}": a failurePolicy is about calls of process(), and this is a ${role} node. Leave it out.`,
    );
  }
  const policy: FailurePolicy = typeof given === 'object' ? given : { onError: given };
  check.names('failurePolicy', policy, POLICY_FIELDS);
  const { onError = 'fail', retry, timeoutMs } = policy;
  check('failurePolicy.onError', ON_ERROR.includes(onError), '"fail" or "skip"', onError);
  check(
    'failurePolicy.timeoutMs',
    timeoutMs === undefined || isFrom(timeoutMs, 1),
    'a number from 1',
    timeoutMs,
  );
  if (retry !== undefined) checkRetry(retry, check);
  return policy;
}

function checkRetry(retry: RetryPolicy, check: Check): void {
  const place = 'failurePolicy.retry';
  check(place, typeof retry === 'object', '{ attempts: 3 }', retry);
  check.names(place, retry, Object.keys(RETRY_RANGES));
  check(`${place}.attempts`, isWhole(retry.attempts, 1), 'a whole number of at least 1', retry.attempts);
  for (const [name, value] of Object.entries(retry)) {
    const least = RETRY_RANGES[name] ?? 0;
    const isRight = value === undefined || isFrom(value, least);
    check(`${place}.${name}`, isRight, `a number from ${String(least)}`, value);
  }
}
