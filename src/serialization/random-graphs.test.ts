import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PayloadError } from '../errors/index.js';
import { open, seal, slowCrc32 } from './envelope.js';
import { constructed } from './hooks.js';
import { deserialize, serialize } from './serialize.js';

const { crc32 } = await import('node:zlib');

const primitive = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.bigInt(),
  fc.constantFrom(undefined, null, -0, Symbol.iterator, Symbol.for('remotemedia.test')),
);
const bytes = fc.oneof(fc.uint8Array(), fc.float64Array(), fc.int32Array(), fc.bigInt64Array());
const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    primitive,
    bytes,
    fc.date({ noInvalidDate: false }),
    fc.array(tie('node')),
    fc.sparseArray(tie('node')),
    fc.dictionary(fc.string(), tie('node')),
    fc.dictionary(fc.string(), tie('node'), { noNullPrototype: false }),
    fc.array(fc.tuple(tie('node'), tie('node'))).map((entries) => new Map(entries)),
    fc.array(tie('node')).map((elements) => new Set(elements)),
    fc.tuple(fc.string(), tie('node')).map(([message, cause]) => new RangeError(message, { cause })),
    fc.array(tie('node')).map((list) => Object.freeze(list)),
    fc.dictionary(fc.string(), tie('node')).map((object) => Object.freeze(object)),
  ),
})).node;

describe('random values', () => {
  it('come back the same', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (value) => {
        const copy = await deserialize(await serialize(value));
        expect(copy).toStrictEqual(value);
        expect(shapeOf(copy)).toEqual(shapeOf(value));
      }),
      { numRuns: 300 },
    );
  });

  it('come back with the same references, cycles included', async () => {
    const edges = fc.array(fc.tuple(fc.nat(19), fc.nat(19), fc.string({ maxLength: 3 })), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(edges, async (list) => {
        const nodes = Array.from({ length: 20 }, (_, index) => makeNode(index));
        for (const [from, to, name] of list) connect(nodes[from], nodes[to], name);
        const copies = (await deserialize(await serialize(nodes))) as unknown[];
        expect(drawing(copies)).toEqual(drawing(nodes));
      }),
      { numRuns: 200 },
    );
  });

  it('come back with buffers beside the payload, which are not copied', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20_000), { maxLength: 5 }), async (lengths) => {
        const value = lengths.map((length) => new Float32Array(length).fill(length));
        const buffers: ArrayBufferLike[] = [];
        const payload = await serialize(value, { buffers });
        const copy = (await deserialize(payload, { buffers })) as Float32Array[];
        expect(copy).toEqual(value);
        expect(buffers).toHaveLength(lengths.filter((length) => length >= 1024).length);
        for (const [index, array] of value.entries())
          expect(copy[index]?.buffer === array.buffer).toBe(array.length >= 1024);
      }),
      { numRuns: 50 },
    );
  });
});

describe('damaged bytes', () => {
  const value = {
    list: [
      1,
      'two',
      3.5,
      new Map<unknown, unknown>([['k', new Set([1n])]]),
      new Uint16Array(9),
      /x/g,
      new Date(5),
    ],
    ...{
      error: new TypeError('t'),
      frozen: Object.freeze([Object(1), Symbol('s')]),
      url: new URL('http://h/?q'),
    },
    fn: () => value.list.length,
    made: constructed({ module: 'node:util', export: 'inspect', args: [] }),
  };

  it('are refused, whichever bit changes', async () => {
    const good = await serialize(value);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length * 8 - 1), async (bit) => {
        const bad = Uint8Array.from(good);
        bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
        await expect(deserialize(bad)).rejects.toBeInstanceOf(PayloadError);
      }),
      { numRuns: 500 },
    );
  });

  it('are refused when something is cut off or added', async () => {
    const good = await serialize(value);
    for (let length = 0; length < good.length; length += 3)
      await expect(deserialize(good.subarray(0, length))).rejects.toBeInstanceOf(PayloadError);
    await expect(deserialize(Buffer.concat([good, Buffer.of(0)]))).rejects.toBeInstanceOf(PayloadError);
  });

  it('never crash the reader, even with a right checksum', async () => {
    const data = { ...value, fn: undefined, made: undefined };
    const good = await serialize(data);
    const bodyAt = open(good, undefined);
    const change = fc.tuple(fc.nat(good.length - bodyAt - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const body = Uint8Array.from(good.subarray(bodyAt));
        for (const [at, byte] of changes) body[at] = byte;
        try {
          await deserialize(seal([body], undefined));
        } catch (error) {
          expect(error).toBeInstanceOf(PayloadError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('of random content are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (body) => {
        await expect(deserialize(body)).rejects.toBeInstanceOf(PayloadError);
        await deserialize(seal([body], undefined)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(PayloadError);
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('run nothing: modules are imported when all of the payload is in order', async () => {
    const ran: string[] = [];
    Object.defineProperty(globalThis, '__remotemediaRan', { value: ran, configurable: true });
    try {
      const module =
        'data:text/javascript,globalThis.__remotemediaRan.push("it");export const make = () => "made";';
      const good = await serialize({ make: constructed({ module, export: 'make' }), text: 'the end' });
      const body = Uint8Array.from(good.subarray(open(good, undefined)));
      const bad = Uint8Array.from(body);
      // A reference to nowhere in place of the last text.
      bad[bad.lastIndexOf('d'.charCodeAt(0)) - 'the end'.length] = 8;
      await expect(deserialize(seal([bad], undefined))).rejects.toBeInstanceOf(PayloadError);
      expect(ran).toEqual([]);
      expect(await deserialize(seal([body], undefined))).toEqual({ make: 'made', text: 'the end' });
      expect(ran).toEqual(['it']);
    } finally {
      Reflect.deleteProperty(globalThis, '__remotemediaRan');
    }
  });
});

describe('the checksum', () => {
  it('is that of zlib', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(2 ** 32 - 1), (data, start) => {
        const buffer = Buffer.from(data);
        expect(slowCrc32(buffer, start)).toBe(crc32(buffer, start));
      }),
    );
  });
});

/** What `toStrictEqual` does not look at. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value;
  return [
    Object.isFrozen(value),
    Object.prototype.toString.call(value),
    ArrayBuffer.isView(value) ? [] : Object.keys(value),
    Array.isArray(value) ? value.map(shapeOf) : undefined,
  ];
}

function makeNode(index: number): unknown {
  switch (index % 4) {
    case 0:
      return { index };
    case 1:
      return [];
    case 2:
      return new Map();
    default:
      return new Set();
  }
}

function connect(from: unknown, to: unknown, name: string): void {
  if (Array.isArray(from)) from.push(to);
  else if (from instanceof Map) from.set(to, name);
  else if (from instanceof Set) from.add(to);
  else
    Object.defineProperty(from, `_${name}`, {
      value: to,
      enumerable: true,
      writable: true,
      configurable: true,
    });
}

/** A graph as numbers: each object's neighbours, by the order in which objects are met. */
function drawing(root: unknown): unknown[] {
  const numbers = new Map<unknown, number>([[root, 0]]);
  const queue = [root];
  const numberOf = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (!numbers.has(value)) {
      numbers.set(value, queue.length);
      queue.push(value);
    }
    return `#${String(numbers.get(value))}`;
  };
  const lines: unknown[] = [];
  for (const value of queue) {
    const isCollection = value instanceof Map || value instanceof Set;
    const entries: unknown[] = isCollection ? [...value.entries()] : Object.entries(value as object);
    lines.push((entries as [unknown, unknown][]).map(([key, item]) => [numberOf(key), numberOf(item)]));
  }
  return lines;
}
