import { SerializationError } from '../errors/index.js';
import type { NodeState } from '../hosts/index.js';
import { nodeProblem, type AnyNode } from '../node/index.js';
import { deserialize, serialize } from '../serialization/index.js';

const GIVING_HOOKS = [Symbol.for('remotemedia.getState'), Symbol.for('remotemedia.serialize')];
const SET_STATE = Symbol.for('remotemedia.setState');

/** Makes the instances of a payload: one alone, or a list. A payload is code: it comes over the control connection, from whoever started this host. */
export async function makeInstances(serialized: Uint8Array, count: number): Promise<AnyNode[]> {
  const value = await deserialize(serialized);
  const instances = count === 1 ? [value] : (value as unknown[]);
  for (const instance of instances) {
    const problem = nodeProblem(instance);
    if (problem !== undefined) throw new TypeError(`A payload of nodes holds ${problem}.`);
  }
  return instances as AnyNode[];
}

/** The state of an instance that was made here: what its hook gives, or a copy of the whole. */
export async function stateOf(instance: object, limitBytes: number): Promise<NodeState> {
  const give = GIVING_HOOKS.map((hook): unknown => Reflect.get(instance, hook)).find(isFunction);
  const isHooked = give !== undefined && isFunction(Reflect.get(instance, SET_STATE));
  try {
    const value: unknown = isHooked ? Reflect.apply(give, instance, []) : instance;
    return { serialized: await serialize(value, { limitBytes }), isHooked };
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const { path, kind, reason, suggestion } = error;
    return { refused: { path, kind, reason, suggestion } };
  }
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function';
}
