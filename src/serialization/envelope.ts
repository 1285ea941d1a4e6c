import { createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import { PayloadError } from '../errors/index.js';
import { FORMAT_VERSION, MAGIC } from './format.js';

const require = createRequire(import.meta.url);
const KEYED = 1;
const CRC_BYTES = 4;
const HMAC_BYTES = 32;
const NODE_MAJOR = Number(process.versions.node.split('.')[0]);

let header: Buffer | undefined;

/** Puts a body into an envelope that says who wrote it, with a checksum, or with a key a signature. */
export function seal(parts: readonly Uint8Array[], key: string | Uint8Array | undefined): Buffer {
  const start = (header ??= makeHeader());
  const sealBytes = key === undefined ? CRC_BYTES : HMAC_BYTES;
  const bodyAt = start.length + sealBytes;
  const sealed = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + part.length, bodyAt));
  sealed.set(start);
  sealed[5] = key === undefined ? 0 : KEYED;
  let at = bodyAt;
  for (const part of parts) {
    sealed.set(part, at);
    at += part.length;
  }
  writeSeal(sealed, start.length, bodyAt, key);
  return sealed;
}

/** Checks an envelope, and gives where the body begins. Nothing of the body has been read by then. */
export function open(bytes: Uint8Array, key: string | Uint8Array | undefined): number {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = (header ??= makeHeader());
  if (sealed.length < 8 || sealed.readUInt32LE(0) !== MAGIC)
    throw new PayloadError('these bytes are none', 'Give what serialize() gave.');
  const writer = readWriter(sealed);
  const isKeyed = sealed[5] === KEYED;
  if (writer.format === FORMAT_VERSION && writer.bodyAt <= sealed.length)
    checkSeal(sealed, writer.end, isKeyed, key);
  checkWriter(writer);
  return start.length + (isKeyed ? HMAC_BYTES : CRC_BYTES);
}

interface Writer {
  readonly format: number;
  readonly nodeMajor: number;
  readonly version: string;
  /** Where the seal begins. */
  readonly end: number;
  readonly bodyAt: number;
}

function readWriter(sealed: Buffer): Writer {
  const end = 8 + (sealed[7] as number);
  return {
    format: sealed[4] as number,
    nodeMajor: sealed[6] as number,
    version: sealed.toString('latin1', 8, end),
    end,
    bodyAt: end + CRC_BYTES,
  };
}

function checkWriter({ format, nodeMajor, version }: Writer): void {
  const upgrade = 'Use the same version on both sides.';
  if (format !== FORMAT_VERSION)
    throw new PayloadError(
      `it has format ${format}, and this program reads format ${FORMAT_VERSION}`,
      upgrade,
    );
  if (nodeMajor !== NODE_MAJOR)
    throw new PayloadError(`Node.js ${nodeMajor} wrote it, and this is Node.js ${NODE_MAJOR}`, upgrade);
  if (version !== packageVersion())
    throw new PayloadError(
      `remotemedia ${version} wrote it, and this is remotemedia ${packageVersion()}`,
      upgrade,
    );
}

function checkSeal(
  sealed: Buffer,
  sealAt: number,
  isKeyed: boolean,
  key: string | Uint8Array | undefined,
): void {
  if (isKeyed !== (key !== undefined)) {
    const reason = isKeyed ? 'it is signed, and no key was given' : 'it is not signed, and a key was given';
    throw new PayloadError(reason, 'Give serialize() and deserialize() the same option `key`.');
  }
  const sealBytes = isKeyed ? HMAC_BYTES : CRC_BYTES;
  const found = sealed.subarray(sealAt, sealAt + sealBytes);
  const expected = key === undefined ? crcOf(sealed, sealAt, CRC_BYTES) : hmacOf(sealed, sealAt, key);
  if (found.length === sealBytes && timingSafeEqual(found, expected)) return;
  if (isKeyed)
    throw new PayloadError(
      'its signature does not fit the key',
      'Accept payloads from your own parent only.',
    );
  throw new PayloadError('its checksum is wrong', 'Some bytes were changed or lost on the way.');
}

function writeSeal(sealed: Buffer, at: number, bodyAt: number, key: string | Uint8Array | undefined): void {
  sealed.set(key === undefined ? crcOf(sealed, at, bodyAt - at) : hmacOf(sealed, at, key), at);
}

/** Of everything but the place of the seal itself. */
function hmacOf(sealed: Buffer, at: number, key: string | Uint8Array): Buffer {
  return createHmac('sha256', key)
    .update(sealed.subarray(0, at))
    .update(sealed.subarray(at + HMAC_BYTES))
    .digest();
}

function crcOf(sealed: Buffer, at: number, sealBytes: number): Buffer {
  const sum = crc32(sealed.subarray(at + sealBytes), crc32(sealed.subarray(0, at), 0));
  const bytes = Buffer.allocUnsafe(CRC_BYTES);
  bytes.writeUInt32LE(sum);
  return bytes;
}

/** Node.js has it since 20.15. */
const crc32: (data: Buffer, start: number) => number =
  (zlib as { crc32?: (data: Buffer, start: number) => number }).crc32 ?? slowCrc32;

/** Exported for the test that compares it with the one of Node.js. */
export function slowCrc32(data: Buffer, start: number): number {
  let sum = ~start;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
  }
  return ~sum >>> 0;
}

function makeHeader(): Buffer {
  const version = packageVersion();
  const bytes = Buffer.alloc(8 + version.length);
  bytes.writeUInt32LE(MAGIC);
  bytes[4] = FORMAT_VERSION;
  bytes[6] = NODE_MAJOR;
  bytes[7] = version.length;
  bytes.write(version, 8, 'latin1');
  return bytes;
}

let packageVersionText: string | undefined;

function packageVersion(): string {
  return (packageVersionText ??= (require('../../package.json') as { version: string }).version);
}
