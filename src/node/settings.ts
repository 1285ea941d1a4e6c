import { InvalidArgumentError } from '../errors/index.js';
import type { AnyNode } from './node.js';
import { describeType, roleOf } from './validate.js';

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

/** What a user says of a node at its place, besides where it runs. */
export interface NodeSettings {
  /** How many items an async `process` may work on at once, from 1. @defaultValue 1 */
  readonly concurrency?: number | undefined;
  /** Whether outputs of several calls at once are given as they come, instead of in the order of their items. @defaultValue false */
  readonly unordered?: boolean | undefined;
  /** What is done where `process` fails for an item. @defaultValue `fail` */
  readonly failurePolicy?: OnError | FailurePolicy | undefined;
}

/** The same, checked and complete. */
export interface CheckedSettings {
  readonly concurrency: number;
  readonly unordered: boolean;
  /** Absent where every failure ends the run at once. */
  readonly failurePolicy: FailurePolicy | undefined;
}

const NAMES = ['concurrency', 'unordered', 'failurePolicy'] as const;
const ON_ERROR: readonly unknown[] = ['fail', 'skip'];
const POLICY_FIELDS: readonly string[] = ['onError', 'retry', 'timeoutMs'];
const RETRY_RANGES: Readonly<Record<string, number>> = { attempts: 1, delayMs: 0, factor: 1, maxDelayMs: 0 };

/** Those that are stated. */
export function statedSettings(holder: NodeSettings): NodeSettings {
  const stated = NAMES.filter((name) => holder[name] != null);
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
  const { concurrency = 1, unordered = false, failurePolicy } = node;
  const check = checker(nodeId);
  check('concurrency', isWhole(concurrency, 1), 'a whole number of at least 1', concurrency);
  check('unordered', typeof unordered === 'boolean', 'true or false', unordered);
  return { concurrency, unordered, failurePolicy: policyOf(failurePolicy, node, nodeId, check) };
}

type Check = (name: string, isRight: boolean, wanted: string, value: unknown) => void;

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
  checkNames(policy, POLICY_FIELDS, 'failurePolicy', nodeId);
  const { onError = 'fail', retry, timeoutMs } = policy;
  check('failurePolicy.onError', ON_ERROR.includes(onError), '"fail" or "skip"', onError);
  check(
    'failurePolicy.timeoutMs',
    timeoutMs === undefined || isFrom(timeoutMs, 1),
    'a number from 1',
    timeoutMs,
  );
  if (retry !== undefined) checkRetry(retry, nodeId, check);
  return policy;
}

function checkRetry(retry: RetryPolicy, nodeId: string, check: Check): void {
  const place = 'failurePolicy.retry';
  check(place, typeof retry === 'object', '{ attempts: 3 }', retry);
  checkNames(retry, Object.keys(RETRY_RANGES), place, nodeId);
  check(`${place}.attempts`, isWhole(retry.attempts, 1), 'a whole number of at least 1', retry.attempts);
  for (const [name, value] of Object.entries(retry)) {
    const least = RETRY_RANGES[name] ?? 0;
    const isRight = value === undefined || isFrom(value, least);
    check(`${place}.${name}`, isRight, `a number from ${String(least)}`, value);
  }
}

function checkNames(value: object, known: readonly string[], place: string, nodeId: string): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalid(`Node "${nodeId}": ${place} has no "${unknown}"; there are ${known.join(', ')}.`);
}

function isWhole(value: unknown, least: number): boolean {
  return Number.isInteger(value) && (value as number) >= least;
}

function isFrom(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= least;
}

function checker(nodeId: string): Check {
  return (name, isRight, wanted, value) => {
    if (isRight) return;
    const isPlain = typeof value === 'number' || typeof value === 'string';
    const given = isPlain ? JSON.stringify(value) : describeType(value);
    throw invalid(`Node "${nodeId}": ${name} must be ${wanted}, got ${given}.`);
  };
}

function invalid(message: string): InvalidArgumentError {
  return new InvalidArgumentError('RM_INVALID_ARGUMENT', message);
}
