import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Complex, Tensor } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import {
  decodeValue,
  encodeFrame,
  encodeInto,
  FrameReader,
  lower,
  openSealed,
  SealedItem,
  type FrameKind,
} from './index.js';
import { mediaFromFields } from './media.js';

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly value?: unknown;
  readonly kind?: number;
  readonly payload?: unknown;
  readonly canonical?: boolean;
  /** The language that cannot tell the bytes from good ones, and why. */
  readonly lenient?: string;
}

type Golden = Readonly<
  Record<'values' | 'refused' | 'frames' | 'refusedFrames' | 'failures' | 'sealed', readonly Vector[]>
>;

const golden = JSON.parse(
  readFileSync(new URL('../../schema/golden.json', import.meta.url), 'utf8'),
) as Golden;

type Tagged = Readonly<Record<string, never>>;

const TAGS: Readonly<Record<string, (content: never) => unknown>> = {
  $bigint: (decimal: string) => BigInt(decimal),
  $float: Number,
  $bytes: (hex: string) => new Uint8Array(Buffer.from(hex, 'hex')),
  $date: (iso: string) => new Date(iso),
  $complex: ([re, im]: [number, number]) => new Complex(re, im),
  $tuple: (elements: unknown[]) => elements.map(fromTagged),
  $set: (elements: unknown[]) => new Set(elements.map(fromTagged)),
  $frozenset: (elements: unknown[]) => new Set(elements.map(fromTagged)),
  $bytearray: (hex: string) => new Uint8Array(Buffer.from(hex, 'hex')),
  $map: (entries: [unknown, unknown][]) =>
    new Map(entries.map(([key, value]) => [fromTagged(key), fromTagged(value)])),
  $media: ({ kind, fields }: { kind: string; fields: Record<string, unknown> }) =>
    mediaFromFields(kind, fromTagged(fields) as Record<string, unknown>),
};

function fromTagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromTagged);
  if (typeof value !== 'object' || value === null) return value;
  const [tag = ''] = Object.keys(value);
  const content = (value as Tagged)[tag] as never;
  if (tag === '$tensor') return tensorFromTagged(content);
  const make = TAGS[tag];
  if (make !== undefined) return make(content);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromTagged(inner)]));
}

/** A tensor is compared by what it says of itself. */
function tensorFromTagged(tagged: { dtype: string; shape: number[]; bytes: string; bare: boolean }): unknown {
  return { dtype: tagged.dtype, shape: tagged.shape, bytes: tagged.bytes, bare: tagged.bare };
}

function comparable(value: unknown): unknown {
  const hex = (view: ArrayBufferView): string =>
    Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex');
  if (value instanceof Tensor)
    return { dtype: value.dtype, shape: value.shape, bytes: hex(value.data), bare: false };
  if (ArrayBuffer.isView(value) && !(value instanceof Uint8Array)) {
    const dtype = value.constructor.name.replace('Big', '').replace('Array', '').toLowerCase();
    return { dtype, shape: [(value as Float32Array).length], bytes: hex(value), bare: true };
  }
  if (Array.isArray(value)) return value.map(comparable);
  return value;
}

describe('golden vectors of values', () => {
  test.each(golden.values)('$name is read', ({ hex, value }) => {
    expect(comparable(decodeValue(Buffer.from(hex, 'hex')))).toEqual(fromTagged(value));
  });

  test.each(golden.values.filter((vector) => vector.canonical === true))(
    '$name is written back the same',
    ({ hex }) => {
      expect(encodeInto(lower(decodeValue(Buffer.from(hex, 'hex'))), 0).toString('hex')).toBe(hex);
    },
  );

  test.each(golden.refused.filter((vector) => vector.lenient !== 'typescript'))(
    '$name is refused',
    ({ hex }) => {
      expect(() => decodeValue(Buffer.from(hex, 'hex'))).toThrow(RemoteMediaError);
    },
  );
});

describe('golden vectors of frames', () => {
  test.each(golden.frames)('$name is read, and written the same', ({ hex, kind, payload }) => {
    const bytes = Buffer.from(hex, 'hex');
    expect([...new FrameReader().read(bytes)]).toEqual([{ kind, payload, byteLength: bytes.byteLength - 5 }]);
    expect(encodeFrame(kind as FrameKind, payload).toString('hex')).toBe(hex);
  });

  test.each(golden.frames)('$name is read byte by byte', ({ hex, kind, payload }) => {
    const reader = new FrameReader();
    const frames = [...Buffer.from(hex, 'hex')].flatMap((byte) => [...reader.read(Buffer.from([byte]))]);
    expect(frames.map((frame) => [frame.kind, frame.payload])).toEqual([[kind, payload]]);
  });

  test.each(golden.refusedFrames)('$name gives no frame', ({ name, hex }) => {
    const read = (): unknown[] => [...new FrameReader().read(Buffer.from(hex, 'hex'))];
    if (name === 'ends early') expect(read()).toEqual([]);
    else expect(read).toThrow(RemoteMediaError);
  });
});

describe('golden vectors of sealed items', () => {
  test.each(golden.sealed)('$name is passed on as it came', ({ hex, value }) => {
    const sealed = decodeValue(Buffer.from(hex, 'hex')) as SealedItem;
    expect(sealed).toBeInstanceOf(SealedItem);
    expect(encodeInto(lower([sealed]), 0).toString('hex')).toBe(`91${hex}`);
    expect(comparable(openSealed(sealed))).toEqual(fromTagged(value));
  });

  test('one that only Python can read is refused when it is opened', () => {
    const pickle = new SealedItem(Uint8Array.of(0xd4, 0x59, 0x2e));
    expect(() => openSealed(pickle)).toThrow('one that only Python can read');
  });
});
