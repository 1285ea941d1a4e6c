import { SerializationError } from '../errors/index.js';
import type { NodeStates } from '../hosts/index.js';
import { nodeProblem, type AnyNode } from '../node/index.js';
import { deserializeArriving, serializeReturning, type Arrivals } from '../serialization/index.js';

const GIVING_HOOKS = [Symbol.for('remotemedia.getState'), Symbol.for('remotemedia.serialize')];
const SET_STATE = Symbol.for('remotemedia.setState');

/** With which payload an instance came. */
const arrivalsOf = new WeakMap<object, Arrivals>();

/** Makes the instances of a payload. A payload is code: it comes over the control connection, from whoever started this host. */
export async function makeInstances(serialized: Uint8Array, count: number): Promise<AnyNode[]> {
  const { values, arrivals } = await deserializeArriving(serialized, count);
  for (const instance of values) {
    const problem = nodeProblem(instance);
    if (problem !== undefined) throw new TypeError(`A payload of nodes holds ${problem}.`);
    arrivalsOf.set(instance, arrivals);
  }
  return values as AnyNode[];
}

/** The state of instances of one payload: of each what its hook gives, or its fields. */
export async function statesOf(instances: readonly object[], limitBytes: number): Promise<NodeStates> {
  const [first] = instances;
  const arrivals = first === undefined ? undefined : arrivalsOf.get(first);
  if (arrivals === undefined) throw new TypeError('No payload of this host held these nodes.');
  const isHooked = instances.map((instance) => hookOf(instance) !== undefined);
  try {
    const states = instances.map((value) => {
      const give = hookOf(value);
      return give === undefined ? { value } : { value, state: Reflect.apply(give, value, []) };
    });
    return { serialized: await serializeReturning(states, arrivals, { limitBytes }), isHooked };
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
    const { path, kind, reason, suggestion } = error;
    return { refused: { path, kind, reason, suggestion } };
  }
}

/** Gives the state, where the class takes it back as well. */
function hookOf(instance: object): ((...args: unknown[]) => unknown) | undefined {
  if (!isFunction(Reflect.get(instance, SET_STATE))) return undefined;
  return GIVING_HOOKS.map((hook): unknown => Reflect.get(instance, hook)).find(isFunction);
}

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function';
}
