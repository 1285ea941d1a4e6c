import { SerializationError } from '../errors/index.js';
import type { RemoteNode, TypeScriptHost } from '../hosts/index.js';
import type { AnyNode } from '../node/index.js';
import { deserialize } from '../serialization/index.js';

const SET_STATE = Symbol.for('remotemedia.setState');

/** A node whose state is to come home. */
export interface Absent {
  readonly id: string;
  readonly original: AnyNode;
  readonly copy: RemoteNode;
  readonly host: TypeScriptHost;
}

/**
 * Gives the originals the state that their copies have in their hosts; all of them or, where one is refused, none.
 *
 * @throws SerializationError that names node and path
 */
export async function bringHome(absent: readonly Absent[], limitBytes: number): Promise<void> {
  const arrivals = await Promise.all(absent.map((one) => fetchState(one, limitBytes)));
  for (const arrive of arrivals) arrive();
}

async function fetchState({ id, original, copy, host }: Absent, limitBytes: number): Promise<() => void> {
  const state = await host.stateOf(copy, limitBytes);
  if ('refused' in state) {
    const { path, ...refused } = state.refused;
    throw new SerializationError({ ...refused, nodeId: id, path: path === '' ? 'state' : path });
  }
  const value = await deserialize(state.serialized);
  if (state.isHooked)
    return () => void Reflect.apply(Reflect.get(original, SET_STATE) as () => void, original, [value]);
  return () => {
    takeOver(original, value as object);
  };
}

/**
 * Gives an object the fields of another one. Functions in its own fields stay: they belong to this very object, and to what they
 * captured in this program.
 */
function takeOver(original: object, copy: object): void {
  const fields = Object.getOwnPropertyDescriptors(copy) as Record<PropertyKey, PropertyDescriptor>;
  for (const key of Reflect.ownKeys(original)) if (!(key in fields)) Reflect.deleteProperty(original, key);
  for (const key of Reflect.ownKeys(fields)) {
    const field = fields[key] as PropertyDescriptor;
    const current: unknown = Object.getOwnPropertyDescriptor(original, key)?.value;
    if (typeof current === 'function' && typeof field.value === 'function') continue;
    Reflect.defineProperty(original, key, field);
  }
  for (const key of Reflect.ownKeys(fields)) forward(copy, key, original);
}

/** What came home may lead back to the copy: there it finds what the original has. */
function forward(copy: object, key: PropertyKey, original: object): void {
  Reflect.defineProperty(copy, key, {
    configurable: true,
    enumerable: true,
    get: (): unknown => Reflect.get(original, key),
    set: (value: unknown) => Reflect.set(original, key, value),
  });
}
