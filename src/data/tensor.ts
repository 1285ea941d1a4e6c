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
  readonly array: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray;
  };
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

/** The elements of a tensor that lie elsewhere until somebody reads them. */
export interface UnreadBytes {
  readonly byteLength: number;
  /** Called once, before anything else, with the tensor that has them. */
  belongTo(tensor: Tensor): void;
  /** Called once, and then never again. The memory is the tensor's own from then on. */
  read(): Uint8Array;
}

/** Tensors whose elements nobody has read yet. */
const unread = new WeakMap<Tensor, UnreadBytes>();

/** The elements of frozen tensors, once somebody has read them. */
const read = new WeakMap<Tensor, TypedArray>();

/** An n-dimensional array; a `numpy.ndarray` in Python. */
export class Tensor {
  /**
   * Element type; for what numpy can hold and TypeScript cannot, numpy's `dtype.str` (dates, texts), or a JSON text of `names`, `formats`,
   * `offsets` and `itemsize` (records).
   */
  readonly dtype: string;
  /** Length of each dimension; `[]` for a scalar. */
  readonly shape: readonly number[];
  /**
   * The elements in C order. `float16` as raw 16-bit words, complex numbers as real and imaginary parts in turn,
   * `bool` as 0 and 1, unknown types as bytes. What came through shared memory is read from there at the first access, and is the
   * tensor's own from then on.
   */
  readonly data: TypedArray;

  /**
   * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where `data` does not have as many elements as `shape` says.
   */
  constructor(dtype: DType | (string & {}), shape: readonly number[], data: TypedArray) {
    const elements = elementsOf(dtype, shape);
    if (elements !== undefined && data.length !== elements) throw misfit(dtype, shape, elements, data.length);
    this.dtype = dtype;
    this.shape = shape;
    this.data = data;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }
}

/** The tensor whose elements are these bytes (C order, little-endian); the bytes are copied. */
export function tensorFromBytes(dtype: string, shape: readonly number[], bytes: Uint8Array): Tensor {
  return new Tensor(dtype, shape, typedArrayFromBytes(dtype, bytes));
}

/** The typed array whose elements are these bytes; they are copied, so that the array owns its buffer. */
export function typedArrayFromBytes(dtype: string, bytes: Uint8Array): TypedArray {
  return typedArrayOver(dtype, bytes.slice());
}

/** The typed array over these very bytes; only where they are not aligned for their type they are copied. */
export function typedArrayOver(dtype: string, bytes: Uint8Array): TypedArray {
  const type = elementType(dtype);
  if (type === undefined) return bytes;
  const { BYTES_PER_ELEMENT } = type.array;
  const { buffer, byteOffset, byteLength } =
    bytes.byteOffset % BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new type.array(buffer as ArrayBuffer, byteOffset, byteLength / BYTES_PER_ELEMENT);
}

/**
 * The tensor whose elements are read when somebody asks for them.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where there are more or fewer bytes than `shape` says.
 */
export function unreadTensor(dtype: string, shape: readonly number[], bytes: UnreadBytes): Tensor {
  const elements = elementsOf(dtype, shape);
  const length = bytes.byteLength / (elementType(dtype)?.array.BYTES_PER_ELEMENT ?? 1);
  if (elements !== undefined && length !== elements) throw misfit(dtype, shape, elements, length);
  const tensor = Object.create(Tensor.prototype) as { dtype: string; shape: readonly number[] } & Tensor;
  tensor.dtype = dtype;
  tensor.shape = shape;
  unread.set(tensor, bytes);
  Object.defineProperty(tensor, 'data', UNREAD_DATA);
  bytes.belongTo(tensor);
  return tensor;
}

/**
 * A property of the tensor's own, as that of any other tensor is, so that comparing, spreading and cloning find it. One function for all of
 * them: the engine makes a hidden class for each accessor.
 */
const UNREAD_DATA: PropertyDescriptor & ThisType<Tensor> = {
  configurable: true,
  enumerable: true,
  get(): TypedArray {
    const known = read.get(this);
    if (known !== undefined) return known;
    const bytes = unread.get(this);
    if (bytes === undefined) throw new TypeError('Read the data of a tensor from the tensor itself.');
    const data = typedArrayOver(this.dtype, bytes.read());
    unread.delete(this);
    const value = { configurable: true, enumerable: true, writable: true, value: data };
    // A frozen one stays as it is.
    if (!Reflect.defineProperty(this, 'data', value)) read.set(this, data);
    return data;
  },
};

/** Where the elements of a tensor lie that nobody has read yet. */
export function unreadBytesOf(tensor: Tensor): UnreadBytes | undefined {
  return unread.get(tensor);
}

/**
 * A tensor of zeros in ordinary memory.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the element type or the shape is none
 */
export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  return new Tensor(dtype, shape, typedArrayOver(dtype, new Uint8Array(byteLengthOf(dtype, shape))));
}

/**
 * How many bytes the elements take.
 *
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` where the element type or the shape is none
 */
export function byteLengthOf(dtype: DType, shape: readonly number[]): number {
  if (!Array.isArray(shape)) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `A shape is a list of lengths, such as [480, 640], and not ${String(shape)}.`,
    );
  }
  const elements = elementsOf(dtype, shape);
  if (elements === undefined) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `There is no element type "${dtype}". Choose one of ${Object.keys(ELEMENT_TYPES).join(', ')}.`,
    );
  }
  if (
    !Number.isSafeInteger(elements) ||
    shape.some((length) => !Number.isSafeInteger(length) || length < 0)
  ) {
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      `[${shape.join(', ')}] is no shape: every length must be a whole number from 0.`,
    );
  }
  return elements * ELEMENT_TYPES[dtype].array.BYTES_PER_ELEMENT;
}

/** How many elements `data` has for a shape; `undefined` for a type that TypeScript has no array for. */
function elementsOf(dtype: string, shape: readonly number[]): number | undefined {
  const type = elementType(dtype);
  return type && shape.reduce((product, length) => product * length, type.width);
}

function misfit(
  dtype: string,
  shape: readonly number[],
  needed: number,
  given: number,
): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `A ${dtype} tensor of shape [${shape.join(', ')}] needs ${String(needed)} elements, but data has ${String(given)}.`,
  );
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
