import { types } from 'node:util';
import { describeCause, NodeError, RemoteMediaError, SerializationError } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { describeType, isInitialized, isRunning, type AnyNode } from '../../node/index.js';
import { serializeDeparting, type Origins } from '../../serialization/index.js';
import type { Berth } from './executors.js';

/** The state that comes home is given to this hook, where a class has it. */
const SET_STATE = Symbol.for('remotemedia.setState');
const GIVING_HOOKS = [Symbol.for('remotemedia.getState'), Symbol.for('remotemedia.serialize')];
/** Hooks that make a new instance, where the original is wanted. */
const MAKING_HOOKS = [Symbol.for('remotemedia.serialize'), Symbol.for('remotemedia.reduce')];

/** What goes to one host. */
export interface Departed {
  readonly bytes: Uint8Array;
  /** What may come back from there as itself. */
  readonly origins: Origins;
}

/** What a departure is to know of its run. */
export interface DepartureOptions {
  readonly logger: Logger;
  /** The largest payload in bytes. */
  readonly limitBytes: number;
  /** Whether the state of a node is to come home. */
  returnsState(node: AnyNode): boolean;
}

/**
 * Cleans up and serializes the live objects that go to each host. Those of one host go in one payload: what they share they still share there.
 *
 * @returns the payloads by the key of the host
 * @throws SerializationError that names node and path; NodeError where `cleanup` of a node that was initialized fails;
 * RemoteMediaError `RM_NODE_BUSY` where a run in this program uses it
 */
export async function serializeTravellers(
  berths: readonly Pick<Berth, 'key' | 'travellers'>[],
  options: DepartureOptions,
): Promise<Map<string, Departed>> {
  const leaving = berths.filter(({ travellers }) => travellers.size > 0);
  for (const { travellers } of leaving)
    for (const [node, id] of travellers) check(node, id, options.returnsState(node));
  for (const { travellers } of leaving)
    for (const [node, id] of travellers) await cleanUp(node, id, options.logger);
  const payloads = new Map<string, Departed>();
  for (const { key, travellers } of leaving) payloads.set(key, await pack(travellers, options.limitBytes));
  return payloads;
}

function check(node: AnyNode, id: string, returnsState: boolean): void {
  if (isRunning(node)) {
    throw new RemoteMediaError(
      'RM_NODE_BUSY',
      `Node "${id}" is to be sent to another host while a run in this program uses it. Wait for that run, or make an instance for each.`,
      { nodeId: id },
    );
  }
  const isTaking = has(node, SET_STATE) && GIVING_HOOKS.some((hook) => has(node, hook));
  if (!returnsState || isTaking) return;
  const isMade = MAKING_HOOKS.some((hook) => has(node, hook));
  if (!isMade && !isBuiltIn(node)) return;
  throw new SerializationError({
    nodeId: id,
    path: '',
    kind: `an instance of ${describeType(node)}`,
    reason: `its state is to come back into this very object, and ${isMade ? 'its hook makes another one' : 'what it holds as a built-in class cannot be replaced'}`,
    suggestion:
      'Give its class the method [Symbol.for("remotemedia.setState")](state), which takes what [Symbol.for("remotemedia.serialize")]() or [Symbol.for("remotemedia.getState")]() gives, or leave out returnState.',
  });
}

function has(node: object, hook: symbol): boolean {
  return typeof Reflect.get(node, hook) === 'function';
}

/** What such an object holds lies in no property. */
function isBuiltIn(node: object): boolean {
  return Array.isArray(node) || types.isMap(node) || types.isSet(node) || types.isDate(node);
}

/** Also of a node that was never initialized, of which it may fail. */
async function cleanUp(node: AnyNode, id: string, logger: Logger): Promise<void> {
  const wasInitialized = isInitialized(node);
  if (wasInitialized) logger.info(`node "${id}" was initialized: it is cleaned up, and leaves as it is then`);
  try {
    await node.cleanup?.();
  } catch (cause) {
    if (wasInitialized) throw new NodeError({ nodeId: id, phase: 'cleanup', cause });
    logger.debug(`node "${id}": cleanup failed, without initialize before it: ${describeCause(cause)}`);
  }
}

/** One node by itself, several as a list. */
async function pack(travellers: ReadonlyMap<AnyNode, string>, limitBytes: number): Promise<Departed> {
  const nodes = [...travellers.keys()];
  const ids = [...travellers.values()];
  try {
    return await serializeDeparting(nodes, { limitBytes });
  } catch (error) {
    throw error instanceof SerializationError ? ofNode(error, ids) : error;
  }
}

/** In a list the path begins with the place of the node: `[1].pool.sockets[2]`. */
function ofNode(error: SerializationError, ids: readonly string[]): SerializationError {
  const { path, kind, reason, suggestion } = error;
  const isList = ids.length > 1;
  const [prefix, index] = (isList ? /^\[(\d+)\](?:\.| → )?/.exec(path) : null) ?? ['', undefined];
  const nodeOf = (place: string): string => ids[Number(place)] ?? '';
  const renamed = new SerializationError({
    nodeId: index === undefined ? ids.join('", "') : nodeOf(index),
    path: path.slice(prefix.length),
    kind,
    reason: isList ? reason.replace(/"\[(\d+)\]/g, (_, place: string) => `"${nodeOf(place)}`) : reason,
    suggestion: suggestion.replace('the option `limitBytes`', 'it by configureHosts({ payloadLimitBytes })'),
  });
  renamed.cause = error;
  return renamed;
}
