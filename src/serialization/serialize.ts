import { describeCause, PayloadError, SerializationError } from '../errors/index.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { Decoder } from './decoder.js';
import { encodeEntry } from './encode-entry.js';
import { mustWidenPools } from './encode-builtin.js';
import { Encoder, type EncodeSettings } from './encoder.js';
import { open, seal } from './envelope.js';
import { HeapSearch } from './heap-search.js';
import { lookIntoModules } from './modules.js';
import { parsePayload, type ParsedPayload } from './parse-payload.js';
import { finishPayload, type Body } from './write-payload.js';

/** The largest payload, in bytes, unless the option says otherwise: 100 MB. */
export const DEFAULT_LIMIT_BYTES: number = 100 * 1024 * 1024;
/** Each pass looks into the modules that the one before it met; a chain of re-exports is never this long. */
const PASS_LIMIT = 20;
/** Larger ones are not kept for the next call. */
const KEPT_BYTES = 1024 * 1024;

/** How a value is to be carried. */
export interface SerializeOptions {
  /** Name or id of the node that the value is, for errors. */
  readonly node?: string | undefined;
  /**
   * `auto` carries the code of functions and classes that no import gives; `never` refuses them.
   * @defaultValue `'auto'`
   */
  readonly byValue?: 'auto' | 'never' | undefined;
  /** Signs the payload: `deserialize` with the same key takes no other. Buffers out of band are not covered. */
  readonly key?: string | Uint8Array | undefined;
  /** The most bytes that the payload may have, those out of band included. @defaultValue 100 MB */
  readonly limitBytes?: number | undefined;
  /**
   * Takes the ArrayBuffers of 4 KB and more, which are then not in the payload. **Ownership**: they are those of the value, not copies. Send
   * them beside the payload, in this order.
   */
  readonly buffers?: ArrayBufferLike[] | undefined;
  /** Puts SharedArrayBuffers into `buffers` instead of refusing them: for worker threads of this process. @defaultValue false */
  readonly sharedMemory?: boolean | undefined;
}

/** How a payload is to be read. */
export interface DeserializeOptions {
  /** The key that it was signed with. Payloads that are not signed with it are refused. */
  readonly key?: string | Uint8Array | undefined;
  /** What `serialize` put into its option `buffers`, in the same order. **Ownership**: the value uses them as they are. */
  readonly buffers?: readonly ArrayBufferLike[] | undefined;
}

/**
 * Carries a live value into bytes: data, instances, functions and classes, with what they share and refer to. The value is not changed.
 *
 * @returns The payload. It fits this version of the package and this major version of Node.js.
 * @throws SerializationError `RM_NOT_SERIALIZABLE` with path, reason and suggestion for what cannot be carried, or where it is over the limit.
 */
export async function serialize(value: unknown, options: SerializeOptions = {}): Promise<Uint8Array> {
  const settings = settingsOf(options, undefined);
  return encode(value, settings, (_, body) => finishWithin(body, value, settings, options));
}

/** The bytes of a pass, unless they are more than may be. */
export function finishWithin(
  body: Body,
  value: unknown,
  settings: EncodeSettings,
  { limitBytes = DEFAULT_LIMIT_BYTES, buffers, key }: SerializeOptions,
): Uint8Array {
  if (body.byteLength > limitBytes) throw tooLarge(value, settings, body.byteLength, limitBytes);
  buffers?.push(...body.outOfBand);
  return seal(body.parts, key);
}

/**
 * Makes the value of a payload. A payload is code: accept it only from your own parent, and give both sides a key.
 * Modules are imported, classes and functions made, hooks called only after all of it has been checked; constructors do not run.
 *
 * @param bytes - What {@link serialize} gave. Not needed afterwards.
 * @throws PayloadError `RM_INVALID_PAYLOAD` for bytes that are damaged, of another version, or not signed with the key, and for a module that
 * cannot be imported here.
 */
export async function deserialize(bytes: Uint8Array, options: DeserializeOptions = {}): Promise<unknown> {
  return (await decode(bytes, options)).value;
}

/** As {@link deserialize}; with what the value was made of. `origins` are the objects of this program that it may refer to. */
export async function decode(
  bytes: Uint8Array,
  options: DeserializeOptions,
  origins: ReadonlyMap<number, object> = new Map(),
): Promise<Decoded> {
  const bodyAt = open(bytes, options.key);
  const reader = new ByteReader(bytes, bodyAt);
  let decoder: Decoder;
  try {
    decoder = new Decoder(parsePayload(reader, options.buffers ?? [], origins), reader);
  } catch (error) {
    throw asPayloadError(error);
  }
  try {
    const value = await decoder.decode();
    return { value, payload: decoder.payload, entries: decoder.entries };
  } catch (error) {
    if (error instanceof PayloadError) throw error;
    throw new PayloadError(`making the value failed (${describeCause(error)})`, 'Look at the cause.', {
      cause: error,
    });
  }
}

/** A value with the table that it was made of. */
export interface Decoded {
  readonly value: unknown;
  readonly payload: ParsedPayload;
  readonly entries: readonly unknown[];
}

/**
 * Runs passes until nothing is missing, then gives what `finish` makes of the last one. It is called in the tick of the pass: the bytes are in memory that
 * the next call uses again. `begin` is called before each pass.
 */
export async function encode<Result>(
  value: unknown,
  settings: EncodeSettings,
  finish: (encoder: Encoder, body: Body) => Result,
  begin?: () => void,
): Promise<Result> {
  const search = new HeapSearch();
  try {
    for (let pass = 0; pass < PASS_LIMIT; pass++) {
      begin?.();
      const writers = takeWriters();
      const encoder = new Encoder(settings, writers, encodeEntry, search);
      try {
        const body = encodeOnce(encoder, value);
        if (body !== undefined) return finish(encoder, body);
      } finally {
        if (writers === keptWriters) areWritersTaken = false;
      }
      if (encoder.missing.size > 0) await lookIntoModules(encoder.missing);
      else await search.resolve(encoder);
    }
  } finally {
    search.close();
  }
  throw new SerializationError({
    path: '',
    nodeId: settings.node,
    kind: 'a value that changes while it is looked at',
    reason: `${PASS_LIMIT} passes over it found something new each time`,
    suggestion: 'Serialize it while nothing works on it.',
  });
}

/** What {@link encode} needs to know of the options. */
export function settingsOf(
  { byValue = 'auto', node, buffers, sharedMemory = false }: SerializeOptions,
  onRefusal: EncodeSettings['onRefusal'],
): EncodeSettings {
  return {
    byValue,
    node,
    takesBuffers: buffers !== undefined,
    sharedMemory: sharedMemory && buffers !== undefined,
    measures: onRefusal !== undefined,
    onRefusal,
  };
}

const keptWriters = { heads: new ByteWriter(4096), contents: new ByteWriter(4096) };
let areWritersTaken = false;

/** One pass, all in one tick: the value cannot change meanwhile. Gives nothing where another one is needed. */
function encodeOnce(encoder: Encoder, value: unknown): Body | undefined {
  encoder.value(value, '');
  try {
    encoder.drain();
  } catch (error) {
    // What is refused may be an export of a module that the next pass knows.
    if (encoder.missing.size === 0) throw error;
    return undefined;
  }
  const mustWiden = mustWidenPools(encoder);
  const isIncomplete = encoder.missing.size > 0 || encoder.unbound.size > 0;
  if (mustWiden || encoder.mustRepeat || isIncomplete || encoder.scopes.doubts().length > 0) return undefined;
  return finishPayload(encoder);
}

/** A hook of the value may serialize something itself. */
function takeWriters(): typeof keptWriters {
  const { heads, contents } = keptWriters;
  if (areWritersTaken) return { heads: new ByteWriter(4096), contents: new ByteWriter(4096) };
  if (heads.capacity > KEPT_BYTES) heads.reset();
  if (contents.capacity > KEPT_BYTES) contents.reset();
  areWritersTaken = true;
  heads.clear();
  contents.clear();
  return keptWriters;
}

/** Measures in a pass of its own, as sizes are wanted only here. */
function tooLarge(
  value: unknown,
  settings: EncodeSettings,
  byteLength: number,
  limit: number,
): SerializationError {
  const writers = { heads: new ByteWriter(), contents: new ByteWriter() };
  const encoder = new Encoder({ ...settings, measures: true }, writers, encodeEntry, new HeapSearch());
  encoder.value(value, '');
  encoder.drain();
  const largest = encoder.sizes().find(({ path }) => path !== '');
  const where =
    largest === undefined
      ? ''
      : `; the largest attribute is "${largest.path}" with ${megabytes(largest.byteLength)}`;
  return new SerializationError({
    nodeId: settings.node,
    path: '',
    kind: `a payload of ${megabytes(byteLength)}`,
    reason: `the limit is ${megabytes(limit)}${where}`,
    suggestion: 'Load large data in initialize(), or raise the option `limitBytes`.',
  });
}

function megabytes(byteLength: number): string {
  return `${(byteLength / 1024 / 1024).toFixed(byteLength < 1024 * 1024 ? 3 : 1)} MB`;
}

/** Numbers that fit nowhere make the engine throw errors of its own. */
function asPayloadError(error: unknown): PayloadError {
  if (error instanceof PayloadError) return error;
  return new PayloadError('it contradicts itself', undefined, { cause: error });
}
