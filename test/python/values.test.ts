import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  AudioFrame,
  BinaryData,
  Complex,
  ControlData,
  executePipelineWithInput,
  JsonData,
  startPythonHost,
  Tensor,
  TextData,
  VideoFrame,
  type PythonHost,
  type PythonNode,
} from 'remotemedia';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FILE = fileURLToPath(new URL('./nodes.py', import.meta.url));

let python: PythonHost;
let echo: PythonNode;
let typeName: PythonNode;

beforeAll(async () => {
  python = await startPythonHost();
  echo = await python.create({ file: FILE, class: 'Echo' });
  typeName = await python.create({ file: FILE, class: 'TypeName' });
});
afterAll(async () => {
  await python.close();
});

async function thereAndBack(values: readonly unknown[]): Promise<unknown[]> {
  return (await executePipelineWithInput([echo], values)) as unknown[];
}

const bytes = new Uint8Array([0, 1, 255]);

/** What crosses: what it is called, what is given, and what it is in Python. It comes back equal. */
const ROWS: readonly (readonly [name: string, value: unknown, pythonType: string])[] = [
  ['true', true, 'builtins.bool'],
  ['an integer', 42, 'builtins.int'],
  ['an integer beyond 32 bits', 5_000_000_000, 'builtins.int'],
  ['a negative integer beyond 32 bits', -5_000_000_000, 'builtins.int'],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, 'builtins.int'],
  ['a fraction', 0.1, 'builtins.float'],
  ['a huge float', 1e300, 'builtins.float'],
  ['minus zero', -0, 'builtins.float'],
  ['not a number', NaN, 'builtins.float'],
  ['infinity', -Infinity, 'builtins.float'],
  ['a bigint beyond 2^53', 2n ** 60n, 'builtins.int'],
  ['a bigint beyond 64 bits', -(2n ** 100n), 'builtins.int'],
  ['a text', 'grüße 🎧', 'builtins.str'],
  ['a long text', 'x'.repeat(100_000), 'builtins.str'],
  ['bytes', bytes, 'builtins.bytes'],
  ['an array', [1, 'a', null, [true]], 'builtins.list'],
  ['an object', { a: 1, b: { c: null } }, 'builtins.dict'],
  ['an object with a __proto__ key', JSON.parse('{"a": 1}'), 'builtins.dict'],
  ['a date', new Date('2024-05-06T07:08:09.123Z'), 'datetime.datetime'],
  ['a set', new Set([1, 'a']), 'builtins.set'],
  ['a complex number', new Complex(1.5, -2), 'builtins.complex'],
  ['a typed array', new Float32Array([1, 2.5]), 'numpy.ndarray'],
  ['a big typed array', new Float64Array(200_000).fill(0.25), 'numpy.ndarray'],
  ['an array of big integers', new BigInt64Array([-1n, 2n ** 62n]), 'numpy.ndarray'],
  ['a tensor', new Tensor('float32', [2, 3], new Float32Array([1, 2, 3, 4, 5, 6])), 'numpy.ndarray'],
  ['a scalar tensor', new Tensor('int64', [], new BigInt64Array([7n])), 'numpy.ndarray'],
  ['an empty tensor', new Tensor('float64', [0, 4], new Float64Array(0)), 'numpy.ndarray'],
  ['a boolean tensor', new Tensor('bool', [2], new Uint8Array([0, 1])), 'numpy.ndarray'],
  ['a complex tensor', new Tensor('complex64', [1], new Float32Array([1, 2])), 'numpy.ndarray'],
  [
    'planar audio',
    new AudioFrame({
      data: new Float32Array([0, 0.5, -0.5, 1]),
      sampleRate: 16_000,
      numberOfChannels: 2,
      timestampUs: 5,
    }),
    'remotemedia.data.AudioFrame',
  ],
  [
    '16-bit audio',
    new AudioFrame({
      format: 's16',
      data: new Int16Array([0, 1, 2, 3]),
      sampleRate: 8000,
      numberOfChannels: 2,
    }),
    'remotemedia.data.AudioFrame',
  ],
  [
    'a video frame',
    new VideoFrame({
      format: 'RGB',
      codedWidth: 1,
      codedHeight: 1,
      data: bytes,
      metadata: { camera: 'left' },
    }),
    'remotemedia.data.VideoFrame',
  ],
  [
    'a text with its language',
    new TextData({ text: 'hallo', language: 'de', timestampUs: 1 }),
    'remotemedia.data.Text',
  ],
  ['a JSON document', new JsonData({ value: { a: [1] } }), 'remotemedia.data.Json'],
  ['binary data', new BinaryData({ data: bytes, mimeType: 'image/png' }), 'remotemedia.data.Binary'],
  [
    'a control item',
    new ControlData({ type: 'utterance-start', payload: { id: 1 } }),
    'remotemedia.data.Control',
  ],
];

describe('what crosses to Python', () => {
  test.each(ROWS)('%s comes back equal', async (_, value) => {
    expect(await thereAndBack([value])).toEqual([value]);
  });

  test.each(ROWS)('%s is what Python expects it to be', async (_, value, expected) => {
    const [name] = (await executePipelineWithInput([typeName], [value])) as string[];
    // A Map becomes a dict that remembers; its class may be a subclass.
    expect(name).toBe(expected);
  });

  test('a Map comes back as a Map, whatever its keys', async () => {
    const map = new Map<unknown, unknown>([
      [1, 'one'],
      ['two', new Map([[null, 2]])],
    ]);
    expect(await thereAndBack([map])).toEqual([map]);
  });

  test('a key that JavaScript objects treat specially is data like any other', async () => {
    const value: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    const [back] = await thereAndBack([value]);
    expect(back).toEqual(
      new Map<unknown, unknown>([
        ['__proto__', { polluted: true }],
        ['constructor', 1],
      ]),
    );
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('null as an item is a value', async () => {
    // What a node returns as None is no output, so it is looked at inside Python.
    expect(await executePipelineWithInput([typeName], [null])).toEqual(['builtins.NoneType']);
  });

  test('bytes that come back are plain and their own', async () => {
    const [back] = (await thereAndBack([Buffer.from('abc')])) as [Uint8Array];
    expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype);
    expect(back.buffer.byteLength).toBe(3);
  });

  test('any nested mixture comes back equal', async () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double(),
      fc.boolean(),
      fc.string({ unit: 'grapheme' }),
      fc.constant(null),
      fc.uint8Array(),
      fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 90n }),
      fc.bigInt({ min: -(2n ** 90n), max: -(2n ** 53n) - 1n }),
      fc.float32Array({ maxLength: 5 }),
      fc.date({
        noInvalidDate: true,
        min: new Date('0001-01-01T00:00:00Z'),
        max: new Date('9999-12-31T00:00:00Z'),
      }),
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
        fc
          .array(fc.tuple(fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' })), tie('value')), {
            maxLength: 3,
          })
          .map((entries) => new Map(entries)),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          value.filter((item) => item !== null),
          { minLength: 1, maxLength: 20 },
        ),
        async (values) => {
          expect(await thereAndBack(values)).toEqual(values);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('what cannot cross', () => {
  class Mine {
    readonly field = 1;
  }
  const circular: { self?: unknown } = {};
  circular.self = circular;
  test.each([
    ['a function', { onText: () => 1 }, '.onText'],
    ['a symbol', [Symbol('s')], '[0]'],
    ['an instance of a class', { deep: [new Mine()] }, '.deep[0]'],
    ['a promise', { later: Promise.resolve() }, '.later'],
    ['a string with a lone surrogate', ['\ud800'], '[0]'],
    ['an invalid date', { when: new Date(NaN) }, '.when'],
    ['a proxy', { proxied: new Proxy({}, {}) }, '.proxied'],
    ['a regular expression', { pattern: /x/ }, '.pattern'],
    ['a WeakMap', { weak: new WeakMap() }, '.weak'],
  ])('%s is refused with its place', async (_, value, path) => {
    await expect(thereAndBack([value])).rejects.toMatchObject({ code: 'RM_VALUE_NOT_TRANSFERABLE', path });
  });

  test('a circle is refused', async () => {
    await expect(thereAndBack([circular])).rejects.toThrow(/circular/);
  });
});
