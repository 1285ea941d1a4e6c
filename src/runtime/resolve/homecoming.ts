import { SerializationError } from '../../errors/index.js';
import type { RemoteNode, TypeScriptHost } from '../../hosts/index.js';
import type { AnyNode } from '../../node/index.js';
import { deserializeReturning, isOfEmitter, type Origins } from '../../serialization/index.js';

const SET_STATE = Symbol.for('remotemedia.setState');

/** A node whose state is to come home. */
export interface Absent {
  readonly id: string;
  readonly original: AnyNode;
  readonly copy: RemoteNode;
}

/** The nodes of one host whose state is to come home, and what went there with them. */
export interface Party {
  readonly host: TypeScriptHost;
  readonly origins: Origins;
  readonly absent: readonly Absent[];
}

/**
 * Gives the originals the state that their copies have in their hosts; all of them or, where one is refused, none. Nodes of one host go on sharing what
 * they share there.
 *
 * @throws SerializationError that names node and path
 */
export async function bringHome(parties: readonly Party[], limitBytes: number): Promise<void> {
  const arrivals = await Promise.all(parties.map((party) => fetchStates(party, limitBytes)));
  for (const arrive of arrivals.flat()) arrive();
}

async function fetchStates({ host, origins, absent }: Party, limitBytes: number): Promise<(() => void)[]> {
  const copies = absent.map(({ copy }) => copy);
  const states = await host.statesOf(copies, limitBytes);
  if ('refused' in states) throw ofNode(states.refused, absent);
  const values = await deserializeReturning(states.serialized, origins);
  return absent.map(({ original }, index) => {
    const value = values[index];
    return () => {
      if (states.isHooked[index] === true)
        Reflect.apply(Reflect.get(original, SET_STATE) as () => void, original, [value]);
      else takeOver(original, value as object);
    };
  });
}

/** The path begins with the place of the node in the list. */
function ofNode(
  { path, ...refused }: Pick<SerializationError, 'path' | 'kind' | 'reason' | 'suggestion'>,
  absent: readonly Absent[],
): SerializationError {
  const [prefix, index] = /^\[(\d+)\](?:\.| → )?/.exec(path) ?? ['', undefined];
  const ids = absent.map(({ id }) => id);
  const nodeId = index === undefined ? ids.join('", "') : ids[Number(index)];
  return new SerializationError({ ...refused, nodeId, path: path.slice(prefix.length) || 'state' });
}

/**
 * Gives an object fields. Functions in its own fields stay: they belong to this very object, and to what they captured in this program.
 */
function takeOver(original: object, state: object): void {
  const fields = Object.getOwnPropertyDescriptors(state) as Record<PropertyKey, PropertyDescriptor>;
  for (const key of Reflect.ownKeys(original))
    if (!(key in fields) && !isOfEmitter(key)) Reflect.deleteProperty(original, key);
  for (const key of Reflect.ownKeys(fields)) {
    const field = fields[key] as PropertyDescriptor;
    const current: unknown = Object.getOwnPropertyDescriptor(original, key)?.value;
    if (typeof current === 'function' && typeof field.value === 'function') continue;
    Reflect.defineProperty(original, key, field);
  }
}
