import { InvalidArgumentError } from '../errors/index.js';

/** A typed array that can hold the elements of a {@link Tensor}. */
export type TypedArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Name of an element type, as numpy names it. */
export type DType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'complex64'
  | 'complex128'
  | 'bool';

interface ElementType {
  readonly array: new (buffer: ArrayBuffer, byteOffset: number, length: number) => TypedArray;
  /** How many elements of `array` make one element of the tensor. */
  readonly width: number;
}

const ELEMENT_TYPES: Readonly<Record<DType, ElementType>> = {
  int8: { array: Int8Array, width: 1 },
  int16: { array: Int16Array, width: 1 },
  int32: { array: Int32Array, width: 1 },
  int64: { array: BigInt64Array, width: 1 },
  uint8: { array: Uint8Array, width: 1 },
  uint16: { array: Uint16Array, width: 1 },
  uint32: { array: Uint32Array, width: 1 },
  uint64: { array: BigUint64Array, width: 1 },
  float16: { array: Uint16Array, width: 1 },
  float32: { array: Float32Array, width: 1 },
  float64: { array: Float64Array, width: 1 },
  complex64: { array: Float32Array, width: 2 },
  complex128: { array: Float64Array, width: 2 },
  bool: { array: Uint8Array, width: 1 },
};

/** An n-dimensional array; a `numpy.ndarray` in Python. */
export class Tensor {
  /** Element type; for what numpy can hold and TypeScript cannot (dates, records), numpy's `dtype.str`. */
  readonly dtype: string;
  /** Length of each dimension; `[]` for a scalar. */
  readonly shape: readonly number[];
  /**
   * The elements in C order. `float16` as raw 16-bit words, complex numbers as real and imaginary parts in turn,
   * `bool` as 0 and 1, unknown types as bytes.
   */
  readonly data: TypedArray;

  /**
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where `data` does not have as many elements as `shape` says.
   */
  constructor(dtype: DType | (string & {}), shape: readonly number[], data: TypedArray) {
    const type = elementType(dtype);
    const elements = shape.reduce((product, length) => product * length, 1);
    if (type !== undefined && data.length !== elements * type.width) {
      throw new InvalidArgumentError(
        'RM_INVALID_ARGUMENT',
        `A ${dtype} tensor of shape [${shape.join(', ')}] needs ${String(elements * type.width)} elements, but data has ${String(data.length)}.`,
      );
    }
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }
}

/** The tensor whose elements are these bytes (C order, little-endian); the bytes are copied where they are not aligned. */
export function tensorFromBytes(dtype: string, shape: readonly number[], bytes: Uint8Array): Tensor {
  return new Tensor(dtype, shape, typedArrayFromBytes(dtype, bytes));
}

/** The typed array whose elements are these bytes; they are copied, so that the array owns its buffer. */
export function typedArrayFromBytes(dtype: string, bytes: Uint8Array): TypedArray {
  const type = elementType(dtype);
  const owned = bytes.slice();
  if (type === undefined) return owned;
  const bytesPerElement = new type.array(new ArrayBuffer(0), 0, 0).BYTES_PER_ELEMENT;
  return new type.array(owned.buffer, 0, owned.byteLength / bytesPerElement);
}

/** numpy's name for the elements of a typed array. */
export function dtypeOf(array: TypedArray): DType {
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof BigUint64Array) return 'uint64';
  const name = Object.prototype.toString.call(array).slice(8, -6).toLowerCase();
  return name as DType;
}

function elementType(dtype: string): ElementType | undefined {
  return Object.hasOwn(ELEMENT_TYPES, dtype) ? ELEMENT_TYPES[dtype as DType] : undefined;
}
