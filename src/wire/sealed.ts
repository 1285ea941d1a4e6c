import { ValueTransferError } from '../errors/index.js';
import { decodeValue, defineRawExtension, Extension } from './messagepack.js';

/** An item that one Python process has written for another one: what is between them passes it on, and need not be able to read it. */
export class SealedItem extends Extension<Uint8Array> {}

/** Defines the extension. */
export function defineSealed(type: number): void {
  defineRawExtension(
    type,
    SealedItem,
    ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength),
    (bytes) => new SealedItem(new Uint8Array(bytes)),
  );
}

/**
 * What the item is in TypeScript.
 *
 * @throws ValueTransferError `RM_VALUE_NOT_TRANSFERABLE` where only Python has such values
 */
export function openSealed({ content }: SealedItem): unknown {
  try {
    return decodeValue(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  } catch (error) {
    throw new ValueTransferError(`The item is one that only Python can read: ${String(error)}`, '');
  }
}
