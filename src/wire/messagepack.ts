import { addExtension, Packr, RESERVE_START_SPACE } from 'msgpackr';
import { RemoteMediaError } from '../errors/index.js';

/**
 * A value that plain MessagePack has no type for, ready to be written. msgpackr finds extensions by class, and keeps them for the whole
 * process: the classes are ours alone, and the type numbers are ones that nobody else is likely to use.
 */
export abstract class Extension<Content> {
  readonly content: Content;

  constructor(content: Content) {
    this.content = content;
  }
}

// 'auto' is in the documentation but not in the types: a bigint where a number cannot hold the integer.
const INT64_AS = 'auto' as 'bigint';

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  int64AsType: INT64_AS,
  encodeUndefinedAsNil: true,
  copyBuffers: true,
});

/** An extension whose content is another MessagePack value. */
export function defineExtension<Content>(
  type: number,
  extensionClass: new (content: Content) => Extension<Content>,
  read: (content: Content) => unknown,
): void {
  defineRawExtension<Content>(type, extensionClass, packContent, (bytes) =>
    read(decodeValue(bytes) as Content),
  );
}

/** The MessagePack bytes of an extension's content. */
export function packContent(content: unknown): Buffer {
  return packr.pack(content);
}

/** An extension whose content is bytes of a layout of its own. */
export function defineRawExtension<Content>(
  type: number,
  extensionClass: new (content: Content) => Extension<Content>,
  pack: (content: Content) => Buffer,
  unpack: (bytes: Buffer) => unknown,
): void {
  addExtension({
    Class: extensionClass,
    type,
    pack: (extension: Extension<Content>) => pack(extension.content),
    unpack: (bytes: Uint8Array) => unpack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  });
}

/** The MessagePack bytes of a lowered value behind some bytes that are left free. */
export function encodeInto(value: unknown, freeBytes: number): Buffer {
  const packed = packr.pack(value, RESERVE_START_SPACE | freeBytes);
  return packed;
}

/**
 * The value of MessagePack bytes. Its bytes are its own, no view of the ones given.
 *
 * @throws RemoteMediaError `RM_PROTOCOL` where they are not exactly one value
 */
export function decodeValue(bytes: Buffer): unknown {
  try {
    // From a plain Uint8Array msgpackr makes plain Uint8Arrays, where it would make Buffers from a Buffer.
    return packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as unknown;
  } catch (error) {
    throw new RemoteMediaError(
      'RM_PROTOCOL',
      `A frame's payload is not one MessagePack value: ${String(error)}`,
      { cause: error },
    );
  }
}
