import { join } from 'node:path';
import {
  AudioFrame,
  BinaryData,
  Node,
  Pipeline,
  startPythonHost,
  Tensor,
  VideoFrame,
  type AnyNode,
  type PythonHost,
  type PythonNode,
} from 'remotemedia';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const FILE = join(import.meta.dirname, 'programs/nodes.py');
const LENGTH = 40_000;

let host: PythonHost;
let describes: PythonNode;

beforeAll(async () => {
  host = await startPythonHost();
  describes = await host.create({ file: FILE, class: 'Describe' });
});

afterAll(async () => {
  await host.close();
});

async function outputsOf(nodes: readonly AnyNode[], items: readonly unknown[]): Promise<unknown[]> {
  const outputs = [];
  for await (const output of new Pipeline(nodes).stream(items)) outputs.push(output);
  return outputs;
}

class PassThrough extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

/** Fills one array for all of its outputs. */
class Reuse extends Node<number, Float32Array> {
  readonly #array: Float32Array;

  constructor(length: number) {
    super();
    this.#array = new Float32Array(length);
  }

  *process(value: number): Generator<Float32Array> {
    yield this.#array.fill(value);
    yield this.#array.fill(value + 10);
  }
}

/** Changes what it has given into something that cannot cross. */
class Spoil extends Node<bigint, object> {
  process(value: bigint): object {
    const item = { value };
    queueMicrotask(() => (item.value = 2n ** 70n));
    return item;
  }
}

const TYPED = {
  int8: new Int8Array(LENGTH).fill(-3),
  int16: new Int16Array(LENGTH).fill(-300),
  int32: new Int32Array(LENGTH).fill(-70_000),
  int64: new BigInt64Array(LENGTH).fill(-5n),
  uint16: new Uint16Array(LENGTH).fill(65_535),
  uint32: new Uint32Array(LENGTH).fill(2 ** 31),
  uint64: new BigUint64Array(LENGTH).fill(9n),
  float32: new Float32Array(LENGTH).fill(0.5),
  float64: new Float64Array(LENGTH).fill(-0.25),
};

describe('bulk arrays', () => {
  it.each(Object.entries(TYPED))('of type %s go to Python and come back equal', async (dtype, array) => {
    const [[gotType, shape, sum, isWritable, back]] = (await outputsOf([describes], [array])) as [
      [string, number[], number, boolean, typeof array],
    ];
    expect([gotType, shape, isWritable]).toEqual([dtype, [LENGTH], true]);
    expect(sum).toBe(Math.abs(Number(array[0])) * LENGTH);
    expect(back).toEqual(array);
    expect(back.buffer.byteLength).toBe(array.byteLength);
  });

  it.each([
    ['float16', new Uint16Array(LENGTH).fill(0x3c00)],
    ['complex64', new Float32Array(2 * LENGTH).fill(1)],
    ['complex128', new Float64Array(2 * LENGTH).fill(3)],
    ['bool', new Uint8Array(LENGTH).fill(1)],
  ] as const)('of type %s go as tensors', async (dtype, data) => {
    const tensor = new Tensor(dtype, [LENGTH / 100, 100], data);
    const [[gotType, shape, , isWritable, back]] = (await outputsOf([describes], [tensor])) as [
      [string, number[], number, boolean, Tensor],
    ];
    expect([gotType, shape, isWritable]).toEqual([dtype, [LENGTH / 100, 100], true]);
    expect(back).toEqual(tensor);
  });

  it.each([
    'int8',
    'uint16',
    'float16',
    'float32',
    'float64',
    'complex128',
    'int64',
    'bool',
    '>f8',
    '<M8[s]',
  ])('that Python makes with dtype %s are there', async (dtype) => {
    const make = await host.create({ file: FILE, class: 'Make' });
    const [tensor] = (await outputsOf([make], [[dtype, LENGTH]])) as [Tensor];
    expect([tensor.dtype, tensor.shape]).toEqual([dtype === '>f8' ? 'float64' : dtype, [LENGTH]]);
    const echo = await host.create({ file: FILE, class: 'Echo' });
    const [again] = (await outputsOf([echo], [tensor])) as [Tensor];
    expect(again).toEqual(tensor);
  });

  it('of records that Python makes are tensors of their bytes, and go back equal', async () => {
    const make = await host.create({ file: FILE, class: 'MakeRecords' });
    const isSame = await host.create({ file: FILE, class: 'AreRecords' });
    for (const length of [3, LENGTH]) {
      const [tensor] = (await outputsOf([make], [length])) as [Tensor];
      expect(JSON.parse(tensor.dtype)).toEqual({
        names: ['x', 'count', 'box'],
        formats: ['<f4', '<i8', ['|u1', [2, 2]]],
        offsets: [0, 8, 16],
        itemsize: 24,
      });
      expect(tensor.shape).toEqual([length]);
      expect(tensor.data).toBeInstanceOf(Uint8Array);
      expect(tensor.data.byteLength).toBe(24 * length);
      expect(new DataView(tensor.data.buffer, tensor.data.byteOffset).getFloat32(24, true)).toBe(0.5);
      expect(await outputsOf([isSame], [tensor])).toEqual([true]);
      expect(await outputsOf([make, new PassThrough(), isSame], [length])).toEqual([true]);
    }
  });

  it('that a node fills again after it has given them are what they were then', async () => {
    const first = await host.create({ file: FILE, class: 'First' });
    for (const length of [10, LENGTH])
      expect(await outputsOf([new Reuse(length), first], [1, 2])).toEqual([1, 11, 2, 12]);
  });

  it('are the own of a node that changes them, and each one is what it was sent as', async () => {
    const negate = await host.create({ file: FILE, class: 'Negate' });
    const arrays = Array.from({ length: 60 }, (_, value) => new Float32Array(2 ** 18).fill(value));
    const outputs = (await outputsOf([negate], arrays)) as Float32Array[];
    expect(outputs.map((array) => array.every((value) => value === array[0]) && array[0])).toEqual(
      arrays.map((_, value) => -value),
    );
    expect(arrays[7]?.[0]).toBe(7);
  });

  it('that are part of a larger one, or lie inside of an item, arrive as such', async () => {
    const whole = Float64Array.from({ length: LENGTH }, (_, index) => index);
    const item = {
      list: [whole.subarray(10, 10_010)],
      bytes: new Uint8Array(50_000).fill(3),
      tiny: whole.slice(0, 2),
    };
    const echo = await host.create({ file: FILE, class: 'Echo' });
    expect(await outputsOf([echo], [item])).toEqual([item]);
  });

  it('of hundreds of megabytes go as well', async () => {
    const first = await host.create({ file: FILE, class: 'First' });
    const large = new Float32Array(75 * 2 ** 20);
    large[0] = 4;
    expect(await outputsOf([first], [large])).toEqual([4]);
  });
});

describe('bulk media', () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);
  it.each([
    [
      'AudioFrame',
      new AudioFrame({ data: new Float32Array(48_000).fill(0.5), sampleRate: 48_000, numberOfChannels: 2 }),
      192_000,
    ],
    [
      'AudioFrame',
      new AudioFrame({ format: 's16', data: new Int16Array(48_000).fill(-5), sampleRate: 16_000 }),
      96_000,
    ],
    [
      'VideoFrame',
      new VideoFrame({ format: 'RGB', codedWidth: 100, codedHeight: 100, data: bytes.slice(0, 30_000) }),
      30_000,
    ],
    [
      'VideoFrame',
      new VideoFrame({ format: 'RGBA', codedWidth: 250, codedHeight: 100, data: bytes }),
      100_000,
    ],
    ['Binary', new BinaryData({ data: bytes, mimeType: 'x/y', metadata: { also: bytes } }), 100_000],
    ['bytes', bytes, 100_000],
  ])('%s goes to Python and comes back equal: %#', async (name, item, byteLength) => {
    const size = await host.create({ file: FILE, class: 'MediaSize' });
    const [[type, length, back]] = (await outputsOf([size], [item])) as [[string, number, unknown]];
    expect([type, length]).toEqual([name, byteLength]);
    expect(back).toEqual(item);
  });
});

describe('an item that was changed after it was given away', () => {
  it('into one that cannot cross ends the run, and not the program', async () => {
    const echo = await host.create({ file: FILE, class: 'Echo' });
    await expect(outputsOf([new Spoil(), echo], [1n])).rejects.toMatchObject({ code: 'RM_PROTOCOL' });
    expect(await outputsOf([echo], [1])).toEqual([1]);
  });
});
