import type { ClassInfo } from './class-info.js';
import type { Encoder } from './encoder.js';
import { Kind, MakeMode } from './format.js';
import { GET_STATE, hookOf, REDUCE, SERIALIZE, type Construction } from './hooks.js';
import { toSpecifier, type ExportPlace } from './modules.js';

const standIns = new Map<string, { readonly place: ExportPlace }>();
const places = new WeakMap<object, ExportPlace>();

/** The export that an entry stands for, where it was named and not met. */
export function namedExport(entry: object): ExportPlace | undefined {
  return places.get(entry);
}

/** Writes an object whose class says how; gives whether it does. */
export function encodeHooked(
  encoder: Encoder,
  object: object,
  prototype: object | null,
  hooks: ClassInfo['hooks'],
  info: ClassInfo,
): boolean {
  if (hooks.reduce) {
    encodeReduced(encoder, hookOf(object, REDUCE)?.call(object), info);
  } else if (hooks.serialize) {
    const state: unknown = hookOf(object, SERIALIZE)?.call(object);
    const constructor = Reflect.get(object, 'constructor') as object;
    writeMade(encoder, MakeMode.Deserialize, constructor, [state], ['state']);
  } else if (hooks.state && prototype !== null) {
    const state: unknown = hookOf(object, GET_STATE)?.call(object);
    encoder.heads.byte(Kind.Stated);
    encoder.heads.varint(encoder.refer(prototype, { text: 'prototype' }));
    encoder.value(state, { text: 'state' });
  } else {
    return false;
  }
  return true;
}

/** Writes what the other side makes by calling an export. */
export function encodeConstruction(
  encoder: Encoder,
  { module, export: name, args = [] }: Construction,
): void {
  writeMade(encoder, MakeMode.Call, standInFor({ module: toSpecifier(module), path: name.split('.') }), args);
}

function encodeReduced(encoder: Encoder, reduced: unknown, info: ClassInfo): void {
  if (Array.isArray(reduced) && typeof reduced[0] === 'function') {
    writeMade(encoder, MakeMode.Call, reduced[0] as object, reduced.slice(1));
  } else if (typeof reduced === 'object' && reduced !== null && 'module' in reduced && 'export' in reduced) {
    encodeConstruction(encoder, reduced as Construction);
  } else {
    encoder.refuse({
      kind: `an instance of ${info.name}`,
      reason:
        'its hook Symbol.for("remotemedia.reduce") gave neither [factory, ...args] nor { module, export, args }',
      suggestion: 'Return one of the two from the hook.',
    });
    encoder.placeholder();
  }
}

function writeMade(
  encoder: Encoder,
  mode: number,
  callee: object,
  args: readonly unknown[],
  names: readonly string[] = [],
): void {
  encoder.heads.byte(Kind.Made);
  encoder.heads.byte(mode);
  encoder.heads.varint(encoder.refer(callee, { text: 'factory' }));
  encoder.contents.varint(args.length);
  args.forEach((arg, index) => encoder.value(arg, { text: names[index] ?? `argument ${index}` }));
}

/** One object for each place, as entries are told apart by identity. */
function standInFor(place: ExportPlace): object {
  const key = JSON.stringify([place.module, ...place.path]);
  let standIn = standIns.get(key);
  if (standIn === undefined) {
    standIn = { place };
    standIns.set(key, standIn);
    places.set(standIn, place);
  }
  return standIn;
}
