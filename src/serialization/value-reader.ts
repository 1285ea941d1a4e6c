import { PayloadError } from '../errors/index.js';
import type { ByteReader } from './byte-reader.js';
import { Tag } from './format.js';

/** What {@link readValue} gives for an absent element. */
export const HOLE: unique symbol = Symbol('hole');
const HEX = /^-?[\da-f]+$/;

/** Reads one value; references are looked up among the entries that have been made. */
export function readValue(reader: ByteReader, entries: readonly unknown[]): unknown {
  const tag = reader.byte();
  if (tag >= Tag.SmallInteger) return tag - Tag.SmallInteger;
  if (tag >= Tag.ShortString) return reader.latin1(tag - Tag.ShortString);
  switch (tag) {
    case Tag.Reference:
      return entries[reader.below(entries.length, 'entry')];
    case Tag.Integer: {
      const zigzag = reader.varint();
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    case Tag.Double:
      return reader.double();
    case Tag.String:
      return reader.string();
    case Tag.Undefined:
      return undefined;
    case Tag.Null:
      return null;
    case Tag.True:
      return true;
    case Tag.False:
      return false;
    case Tag.BigInt:
      return readBigInt(reader.string());
    case Tag.Hole:
      return HOLE;
    default:
      throw new PayloadError(`it has values of the unknown kind ${tag}`);
  }
}

function readBigInt(text: string): bigint {
  if (!HEX.test(text)) throw new PayloadError(`"${text}" is no integer`);
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
}
