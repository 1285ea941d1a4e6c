import type { SerializationError } from '../errors/index.js';
import type { Encoder } from './encoder.js';
import { encode, settingsOf, type SerializeOptions } from './serialize.js';
import type { Body } from './write-payload.js';

/** A part of a value, and how it would be carried. */
export interface ExplainedPart {
  /** Where it is: `pool.sockets[2]`, `onText → captured variable "db"`; empty for the value itself. */
  readonly path: string;
  /** What it is: the export and its module by reference, the class or function by value. */
  readonly what: string;
}

/** How much of a payload an attribute of the value takes, with everything that is met through it first. */
export interface AttributeSize {
  /** The attribute; empty for the value itself. */
  readonly path: string;
  /** In bytes. */
  readonly byteLength: number;
}

/** What serializing a value would do. */
export interface Explanation {
  /** Nothing is refused. */
  readonly isSerializable: boolean;
  /** What the other side imports. */
  readonly byReference: readonly ExplainedPart[];
  /** Classes and functions whose code goes along. */
  readonly byValue: readonly ExplainedPart[];
  /** All that is refused, not only the first. */
  readonly refused: readonly SerializationError[];
  /** Size of the payload in bytes, buffers included; without what is refused. */
  readonly byteLength: number;
  /** Bytes by attribute, the largest first. */
  readonly sizes: readonly AttributeSize[];
}

/**
 * Says what {@link serialize} would do with a value: what would go by reference, what by value, and everything that would be refused. Nothing is sent;
 * hooks of the value are called.
 */
export async function explain(value: unknown, options: SerializeOptions = {}): Promise<Explanation> {
  let refused: SerializationError[] = [];
  const settings = settingsOf(options, (error) => refused.push(error));
  const collect = (encoder: Encoder, body: Body): Explanation => {
    const parts = (how: 'reference' | 'value'): ExplainedPart[] =>
      encoder.notes
        .filter((note) => note.how === how)
        .map(({ id, what }) => ({ path: encoder.pathOf(id), what }));
    return {
      isSerializable: refused.length === 0,
      byReference: parts('reference'),
      byValue: parts('value'),
      refused,
      byteLength: body.byteLength,
      sizes: encoder.sizes(),
    };
  };
  const begin = (): void => {
    refused = [];
  };
  return encode(value, settings, collect, begin);
}
