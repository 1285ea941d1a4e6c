import type { Encoder } from './encoder.js';
import { Kind } from './format.js';
import type { GlobalPlace } from './globals.js';
import type { ExportPlace } from './modules.js';

/** Writes the head of an entry that is a built-in value. */
export function writeGlobal(encoder: Encoder, place: GlobalPlace): void {
  encoder.heads.byte(Kind.Global);
  encoder.heads.string(place.module);
  writePath(encoder, place.path);
}

/** Writes the head of an entry that a module exports. */
export function writeExport(encoder: Encoder, place: ExportPlace): void {
  encoder.note('reference', `${place.path.join('.')} of ${place.module}`);
  encoder.heads.byte(Kind.Export);
  encoder.heads.varint(encoder.module(place.module));
  writePath(encoder, place.path);
}

function writePath(encoder: Encoder, path: readonly string[]): void {
  encoder.heads.varint(path.length);
  for (const name of path) encoder.heads.string(name);
}
