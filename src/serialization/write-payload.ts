import { ByteWriter } from './byte-writer.js';
import type { EncodedBuffer, Encoder } from './encoder.js';
import { BufferMode } from './format.js';

/** From here on a buffer leaves out of band, where that is asked for: below, it costs more to handle than to copy. In bytes. */
const OUT_OF_BAND_BYTES = 4096;

/** The bytes of a payload, before they are put into an envelope. */
export interface Body {
  readonly parts: readonly Uint8Array[];
  /** With what left out of band. */
  readonly byteLength: number;
  readonly outOfBand: readonly ArrayBufferLike[];
}

/** Writes what could not be written before every entry was known, and puts the sections together. */
export function finishPayload(encoder: Encoder): Body {
  settleShapes(encoder);
  const start = new ByteWriter(256);
  writeModules(start, encoder);
  writeShapes(start, encoder);
  writeScopes(start, encoder);
  const { heads, contents } = encoder;
  for (const scope of encoder.scopes.all)
    for (const [name, value] of scope.variables)
      encoder.value(value, { text: `captured variable "${name}"` });
  start.varint(encoder.size);
  start.varint(heads.length);
  start.varint(contents.length);
  const parts: Uint8Array[] = [start.bytes(), heads.bytes(), contents.bytes()];
  const outOfBand: ArrayBufferLike[] = [];
  for (const buffer of encoder.buffers) parts.push(...bufferParts(encoder, buffer, outOfBand));
  const inBand = parts.reduce((sum, part) => sum + part.length, 0);
  return {
    parts,
    byteLength: outOfBand.reduce((sum, { byteLength }) => sum + byteLength, inBand),
    outOfBand,
  };
}

/** Symbols that are keys become entries as well. */
function settleShapes(encoder: Encoder): void {
  const { shapes } = encoder.properties.table;
  for (const { keys } of shapes)
    for (const key of keys) if (typeof key === 'symbol') encoder.refer(key, { text: 'key' });
  encoder.drain();
}

function writeModules(writer: ByteWriter, { moduleNames }: Encoder): void {
  writer.varint(moduleNames.length);
  for (const name of moduleNames) writer.string(name);
}

function writeShapes(writer: ByteWriter, encoder: Encoder): void {
  const { shapes } = encoder.properties.table;
  writer.varint(shapes.length);
  for (const { keys, attributes, isPlain } of shapes) {
    writer.varint(keys.length * 2 + (isPlain ? 0 : 1));
    keys.forEach((key, index) => {
      if (!isPlain) writer.byte(attributes[index] as number);
      if (typeof key === 'symbol') {
        writer.byte(1);
        writer.varint(encoder.refer(key, { text: 'key' }));
      } else {
        writer.byte(0);
        writer.string(String(key));
      }
    });
  }
}

function writeScopes(writer: ByteWriter, { scopes }: Encoder): void {
  writer.varint(scopes.all.length);
  for (const { parent, url, variables } of scopes.all) {
    writer.varint(parent === undefined ? 0 : parent.id + 1);
    if (parent === undefined) writer.string(url);
    writer.varint(variables.size);
    for (const name of variables.keys()) writer.string(name);
  }
}

function bufferParts(
  { settings }: Encoder,
  { buffer, ranges }: EncodedBuffer,
  outOfBand: ArrayBufferLike[],
): Uint8Array[] {
  const head = new ByteWriter(16);
  if (ranges !== undefined) return rangeParts(head, buffer, ranges);
  const mustLeave = buffer instanceof SharedArrayBuffer;
  if (mustLeave || (settings.takesBuffers && buffer.byteLength >= OUT_OF_BAND_BYTES)) {
    head.byte(BufferMode.OutOfBand);
    head.varint(outOfBand.push(buffer) - 1);
    return [head.bytes()];
  }
  head.byte(BufferMode.Inline);
  return [head.bytes(), new Uint8Array(buffer)];
}

/** Parts may overlap; each is written whole. */
function rangeParts(
  head: ByteWriter,
  buffer: ArrayBufferLike,
  ranges: readonly [number, number][],
): Uint8Array[] {
  head.byte(BufferMode.Ranges);
  head.varint(ranges.length);
  const parts: Uint8Array[] = [];
  for (const [start, end] of ranges) {
    const range = new ByteWriter(16);
    range.varint(start);
    range.varint(end - start);
    parts.push(range.bytes(), new Uint8Array(buffer, start, end - start));
  }
  return [head.bytes(), ...parts];
}
