import { constructorOf, type ClassInfo } from './class-info.js';
import type { Encoder } from './encoder.js';
import { Kind, MakeMode } from './format.js';
import { GET_STATE, hookOf, REDUCE, SERIALIZE, type Construction } from './hooks.js';
import { toSpecifier, type ExportPlace } from './modules.js';
import type { Refusal } from './refusals.js';

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
    encodeReduced(encoder, object, hookOf(object, REDUCE)?.call(object), info);
  } else if (hooks.serialize) {
    encodeSerialized(encoder, object, prototype, info);
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

function encodeSerialized(
  encoder: Encoder,
  object: object,
  prototype: object | null,
  { name }: ClassInfo,
): void {
  const constructor = prototype === null ? undefined : constructorOf(prototype);
  if (constructor === undefined) {
    refuse(encoder, {
      kind: `an object that inherits from an instance of ${name}`,
      reason: 'the hook of its class makes an instance, and no object that inherits from one',
      suggestion: 'Keep the instance itself, or make this object in initialize().',
    });
    return;
  }
  const state: unknown = hookOf(object, SERIALIZE)?.call(object);
  writeMade(encoder, MakeMode.Deserialize, constructor, [state], ['state']);
}

function encodeReduced(encoder: Encoder, object: object, reduced: unknown, { name }: ClassInfo): void {
  if (Array.isArray(reduced) && typeof reduced[0] === 'function') {
    const [callee] = reduced as [{ readonly name: string; readonly prototype?: unknown }];
    if (isMadeByParent(object, callee.prototype)) {
      refuse(encoder, {
        kind: `an instance of ${name}`,
        reason: `its hook Symbol.for("remotemedia.reduce") says to make an instance of ${callee.name}, which it extends`,
        suggestion: 'Return [this.constructor, …] from the hook, or give the class a hook of its own.',
      });
      return;
    }
    writeMade(encoder, MakeMode.Call, reduced[0] as object, reduced.slice(1));
  } else if (typeof reduced === 'object' && reduced !== null && 'module' in reduced && 'export' in reduced) {
    encodeConstruction(encoder, reduced as Construction);
  } else {
    refuse(encoder, {
      kind: `an instance of ${name}`,
      reason:
        'its hook Symbol.for("remotemedia.reduce") gave neither [factory, ...args] nor { module, export, args }',
      suggestion: 'Return one of the two from the hook.',
    });
  }
}

/** Whether a prototype is above an object, but not right above it. */
function isMadeByParent(object: object, prototype: unknown): boolean {
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.getPrototypeOf(object) !== prototype &&
    Object.prototype.isPrototypeOf.call(prototype, object)
  );
}

function refuse(encoder: Encoder, refusal: Refusal): void {
  encoder.refuse(refusal);
  encoder.placeholder();
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
