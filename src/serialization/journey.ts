import { Fields } from './encode-object.js';
import type { Encoder } from './encoder.js';
import { Kind } from './format.js';
import type { ParsedPayload } from './parse-payload.js';
import { decode, encode, finishWithin, settingsOf, type SerializeOptions } from './serialize.js';

/** Objects of this program by their numbers in a payload: what comes back as one of these numbers is that object. */
export type Origins = ReadonlyMap<number, object>;

/** What a payload brought here that may go back as what it was there. */
export interface Arrivals {
  readonly numbers: WeakMap<object, number>;
  /** Classes, and the values that were sent: they go back as what they were, wherever they stand. Other functions only in fields of these. */
  readonly lasting: WeakSet<object>;
}

/** Serializes values that will be changed elsewhere, and whose state will come back. */
export async function serializeDeparting(
  values: readonly object[],
  options: SerializeOptions,
): Promise<{ readonly bytes: Uint8Array; readonly origins: Origins }> {
  const whole = values.length === 1 ? values[0] : values;
  const settings = settingsOf(options, undefined);
  return encode(whole, settings, (encoder, body) => ({
    bytes: finishWithin(body, whole, settings, options),
    origins: originsOf(encoder, values),
  }));
}

/** Makes the values of what {@link serializeDeparting} gave; `count` is how many they are. */
export async function deserializeArriving(
  bytes: Uint8Array,
  count: number,
): Promise<{ readonly values: readonly object[]; readonly arrivals: Arrivals }> {
  const { value, payload, entries } = await decode(bytes, {});
  const values = (count === 1 ? [value] : value) as object[];
  return { values, arrivals: arrivalsOf(payload, entries, values) };
}

/**
 * Serializes the state of values that have arrived: their own fields, which share what they share. `states` are the values, or what stands for the
 * state of one that says it itself.
 */
export async function serializeReturning(
  states: readonly { readonly value: object; readonly state?: unknown }[],
  arrivals: Arrivals,
  options: SerializeOptions,
): Promise<Uint8Array> {
  const whole = states.map((one) => ('state' in one ? one.state : new Fields(one.value)));
  const settings = { ...settingsOf(options, undefined), arrivals };
  return encode(whole, settings, (_, body) => finishWithin(body, whole, settings, options));
}

/** Makes the states of what {@link serializeReturning} gave: for each value an object with its fields, or the state that it said. */
export async function deserializeReturning(bytes: Uint8Array, origins: Origins): Promise<unknown[]> {
  return (await decode(bytes, {}, origins)).value as unknown[];
}

function originsOf(encoder: Encoder, values: readonly object[]): Origins {
  const origins = new Map<number, object>(encoder.codeByValue);
  for (const value of values) origins.set(encoder.refer(value, ''), value);
  return origins;
}

function arrivalsOf(
  payload: ParsedPayload,
  entries: readonly unknown[],
  values: readonly object[],
): Arrivals {
  const numbers = new WeakMap<object, number>();
  const lasting = new WeakSet(values);
  const { kinds, records } = payload;
  kinds.forEach((kind, id) => {
    const entry = entries[id];
    if (kind === Kind.Function || kind === Kind.Class) numbers.set(entry as object, id);
    if (kind === Kind.Class) lasting.add(entry as object);
    // A function whose `prototype` something inherits from is a class in an older way of writing.
    if (kind === Kind.Prototype) lasting.add(entries[records[id]?.['target'] as number] as object);
  });
  const sought = new Set<unknown>(values);
  entries.forEach((entry, id) => {
    if (sought.has(entry)) numbers.set(entry as object, id);
  });
  return { numbers, lasting };
}
