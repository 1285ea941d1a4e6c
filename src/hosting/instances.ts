import { SerializationError } from '../errors/index.js';
import type { NodeState } from '../hosts/index.js';
import { nodeProblem, type AnyNode } from '../node/index.js';
import { deserialize, serialize } from '../serialization/index.js';

const GET_STATE = Symbol.for('remotemedia.getState');
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
  const { [GET_STATE]: getState, [SET_STATE]: setState } = instance as Readonly<Record<symbol, unknown>>;
  const isHooked = typeof getState === 'function' && typeof setState === 'function';
  try {
    const value: unknown = isHooked ? Reflect.apply(getState, instance, []) : instance;
    return { serialized: await serialize(value, { limitBytes }), isHooked };
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const { path, kind, reason, suggestion } = error;
    return { refused: { path, kind, reason, suggestion } };
  }
}
