import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError } from '../errors/index.js';
import {
  dtypeOf,
  Tensor,
  tensorFromBytes,
  typedArrayFromBytes,
  unreadTensor,
  zeros,
  type DType,
  type TypedArray,
} from './index.js';

const ARRAYS: [DType, TypedArray][] = [
  ['int8', Int8Array.of(-1, 2)],
  ['int16', Int16Array.of(-1, 2)],
  ['int32', Int32Array.of(-1, 2)],
  ['int64', BigInt64Array.of(-1n, 2n ** 62n)],
  ['uint8', Uint8Array.of(1, 255)],
  ['uint16', Uint16Array.of(1, 65_535)],
  ['uint32', Uint32Array.of(1, 2 ** 32 - 1)],
  ['uint64', BigUint64Array.of(1n, 2n ** 64n - 1n)],
  ['float32', Float32Array.of(0.5, -0)],
  ['float64', Float64Array.of(0.1, NaN)],
];

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

describe('dtypeOf', () => {
  it.each(ARRAYS)('names the elements of %s', (dtype, array) => {
    expect(dtypeOf(array)).toBe(dtype);
  });

  it('knows bytes also as a Buffer', () => {
    expect(dtypeOf(Buffer.from('x'))).toBe('uint8');
  });
});

describe('Tensor', () => {
  it('counts its elements; a scalar has one', () => {
    expect(new Tensor('float32', [2, 3], new Float32Array(6)).size).toBe(6);
    expect(new Tensor('float32', [], new Float32Array(1)).size).toBe(1);
    expect(new Tensor('float32', [4, 0], new Float32Array(0)).size).toBe(0);
  });

  it('takes two numbers for each complex element', () => {
    expect(new Tensor('complex64', [3], new Float32Array(6)).size).toBe(3);
    expect(() => new Tensor('complex128', [3], new Float64Array(3))).toThrow(
      'needs 6 elements, but data has 3',
    );
  });

  it('refuses data that does not fill its shape', () => {
    expect(() => new Tensor('int16', [2, 2], new Int16Array(5))).toThrow(InvalidArgumentError);
    expect(() => new Tensor('int16', [2, 2], new Int16Array(5))).toThrow(
      'A int16 tensor of shape [2, 2] needs 4 elements',
    );
  });

  it('that is frozen before its elements are read has them all the same', () => {
    let reads = 0;
    const tensor = Object.freeze(
      unreadTensor('int16', [2], {
        byteLength: 4,
        belongTo: () => undefined,
        read: () => {
          reads++;
          return Uint8Array.of(1, 0, 2, 0);
        },
      }),
    );
    expect([...tensor.data, ...tensor.data]).toEqual([1, 2, 1, 2]);
    expect(reads).toBe(1);
  });

  it.each([5, undefined, '5'])('of zeros says that %j is no list of lengths', (shape) => {
    expect(() => zeros('float32', shape as never)).toThrow(`and not ${String(shape)}`);
  });

  it("holds numpy's other types as bytes", () => {
    const tensor = tensorFromBytes('<M8[ns]', [2], new Uint8Array(16));
    expect(tensor).toMatchObject({ dtype: '<M8[ns]', shape: [2] });
    expect(tensor.data).toEqual(new Uint8Array(16));
  });
});

describe('tensorFromBytes', () => {
  it.each(ARRAYS)('reads %s from bytes at any place, and owns its buffer', (dtype, array) => {
    const shifted = new Uint8Array(array.byteLength + 1);
    shifted.set(bytesOf(array), 1);
    const tensor = tensorFromBytes(dtype, [2], shifted.subarray(1));
    expect(tensor.data).toEqual(array);
    expect(tensor.data.buffer.byteLength).toBe(array.byteLength);
    shifted.fill(0);
    expect(tensor.data).toEqual(array);
  });

  it('gives any bytes back as they were', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<DType>('bool', 'float16', 'int16', 'complex64', 'float64', 'uint64'),
        fc.nat(20),
        fc.uint8Array({ minLength: 320, maxLength: 320 }),
        (dtype, length, bytes) => {
          const width = { bool: 1, float16: 2, int16: 2, complex64: 8, float64: 8, uint64: 8 }[
            dtype as 'bool'
          ];
          const content = bytes.subarray(0, length * width);
          expect(bytesOf(tensorFromBytes(dtype, [length], content).data)).toEqual(content);
          expect(bytesOf(typedArrayFromBytes(dtype, content))).toEqual(content);
        },
      ),
    );
  });
});
