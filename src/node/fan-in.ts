import { InvalidArgumentError } from '../errors/index.js';
import type { AnyNode } from './node.js';
import { describeType } from './describe-type.js';
import { roleOf } from './role.js';

/**
 * How items of several inputs come to one node. `merge`: each by itself, as it comes. The others give it lists, with one item of each input in
 * the order of the connections: `zip` the first ones, then the second ones, and so on; `latest` what came last of each, whenever one comes;
 * `timestamp` those whose times fit together.
 */
export type FanInPolicy = 'merge' | 'zip' | 'latest' | 'timestamp';

/** How items of several inputs come to one node. */
export interface FanIn {
  /** Which items come together. */
  readonly policy: FanInPolicy;
  /** Of `timestamp`: how far the times of items of one list may lie apart, in µs. @defaultValue 0 */
  readonly toleranceUs?: number | undefined;
  /** Of `zip` and `timestamp`: how long an item waits for the others, in milliseconds. @defaultValue for ever */
  readonly maxWaitMs?: number | undefined;
  /**
   * Of `zip` and `timestamp`: what becomes of an item that has waited too long, or that none of another input can fit any more: it is dropped, or
   * given in a list with `null` for what is missing. @defaultValue `drop`
   */
  readonly incomplete?: 'drop' | 'pass' | undefined;
}

/** The same, complete; `merge` needs nothing. */
export interface CheckedFanIn {
  readonly policy: Exclude<FanInPolicy, 'merge'>;
  readonly toleranceUs: number;
  readonly maxWaitMs: number | undefined;
  readonly incomplete: 'drop' | 'pass';
}

const POLICIES: readonly unknown[] = ['merge', 'zip', 'latest', 'timestamp'];
const FIELDS: readonly string[] = ['policy', 'toleranceUs', 'maxWaitMs', 'incomplete'];

/**
 * How several inputs come to a node, checked; `undefined` where they are merged.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` that names node and setting
 */
export function fanInOf(node: AnyNode, nodeId: string): CheckedFanIn | undefined {
  const given: unknown = node.fanIn;
  if (given === undefined || given === 'merge') return undefined;
  const isObject = typeof given === 'object' && given !== null;
  const fanIn = (isObject ? given : { policy: given }) as FanIn;
  const { policy, toleranceUs = 0, maxWaitMs, incomplete = 'drop' } = fanIn;
  const refuse = (name: string, wanted: string, value: unknown): never => {
    const isPlain = typeof value === 'number' || typeof value === 'string';
    const text = isPlain ? JSON.stringify(value) : describeType(value);
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `Node "${nodeId}": ${name} must be ${wanted}, got ${text}.`,
    );
  };
  if (!POLICIES.includes(policy))
    refuse(isObject ? 'fanIn.policy' : 'fanIn', `one of ${POLICIES.join(', ')}`, policy);
  const unknown = Object.keys(fanIn).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `Node "${nodeId}": fanIn has no "${unknown}"; there are ${FIELDS.join(', ')}.`,
    );
  if (!(Number.isFinite(toleranceUs) && toleranceUs >= 0))
    refuse('fanIn.toleranceUs', 'a number from 0', toleranceUs);
  if (maxWaitMs !== undefined && !(Number.isFinite(maxWaitMs) && maxWaitMs >= 1))
    refuse('fanIn.maxWaitMs', 'a number from 1', maxWaitMs);
  if (!['drop', 'pass'].includes(incomplete)) refuse('fanIn.incomplete', '"drop" or "pass"', incomplete);
  if (roleOf(node) === 'source') refuse('fanIn', 'left out for a source node, which has no input', given);
  return policy === 'merge' ? undefined : { policy, toleranceUs, maxWaitMs, incomplete };
}
