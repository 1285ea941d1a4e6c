import { dtypeOf, Tensor, type TypedArray } from '../data/index.js';
import { RemoteMediaError } from '../errors/index.js';
import { describeValue } from './options.js';

/** What a calculator can do with two numbers. */
export const OPERATIONS = ['add', 'subtract', 'multiply', 'divide', 'power', 'modulo'] as const;

/** One of {@link OPERATIONS}. */
export type Operation = (typeof OPERATIONS)[number];

/** A number of either kind. */
export type Numeric = number | bigint;

/** Exact powers are computed up to this many bits; more takes minutes and gigabytes. */
const MAX_POWER_BITS = 1_000_000;

const SIGNS: Readonly<Record<Operation, string>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  power: '**',
  modulo: '%',
};

/** Whether a value is a number or a bigint. */
export function isNumeric(value: unknown): value is Numeric {
  return typeof value === 'number' || typeof value === 'bigint';
}

/**
 * Computes with two numbers as Python does: modulo has the sign of the divisor, and whole numbers stay exact. Two whole numbers of which
 * one is a bigint give a bigint (a fraction a number); two others give a number, or a bigint where a whole result is past 2⁵³.
 *
 * @throws RemoteMediaError `RM_INVALID_INPUT` for a division by zero and for what has no real result.
 */
export function compute(operation: Operation, a: Numeric, b: Numeric): Numeric {
  refuseZeroDivision(operation, a, b);
  if (typeof a === 'number' && typeof b === 'number') return computeNumbers(operation, a, b);
  const [left, right] = [wholeOf(a), wholeOf(b)];
  if (left === undefined || right === undefined) return real(operation, Number(a), Number(b));
  return computeBigInts(operation, left, right);
}

/**
 * Computes with each element. The result has the array's own element type, or float64 where whole elements give fractions.
 *
 * @throws RemoteMediaError `RM_INVALID_INPUT` also where a result does not fit the element type.
 */
export function computeArray(operation: Operation, array: TypedArray, operand: Numeric): TypedArray {
  if (isFloatArray(array)) {
    refuseZeroDivision(operation, 1, operand);
    return array.map((element) => float(operation, element, Number(operand)));
  }
  const isFraction =
    operation === 'divide' || wholeOf(operand) === undefined || (operation === 'power' && operand < 0);
  return isFraction ? toFractions(operation, array, operand) : toWholes(operation, array, operand);
}

/** Computes with each element of a tensor, as {@link computeArray} does; the shape stays. */
export function computeTensor(operation: Operation, tensor: Tensor, operand: Numeric): Tensor {
  if (tensor.dtype !== dtypeOf(tensor.data)) {
    throw invalid(`cannot compute with a ${tensor.dtype} tensor. Convert it to float32 or float64 first.`);
  }
  const data = computeArray(operation, tensor.data, operand);
  return new Tensor(dtypeOf(data), tensor.shape, data);
}

function computeNumbers(operation: Operation, a: number, b: number): Numeric {
  const result = real(operation, a, b);
  if (Number.isSafeInteger(result) || !Number.isSafeInteger(a) || !Number.isSafeInteger(b)) return result;
  // Past 2⁵³ a number no longer holds every whole number (R17).
  const isWhole = operation !== 'divide' && !(operation === 'power' && b < 0);
  return isWhole ? computeBigInts(operation, BigInt(a), BigInt(b)) : result;
}

function real(operation: Operation, a: number, b: number): number {
  const result = float(operation, a, b);
  if (Number.isNaN(result) && !Number.isNaN(a) && !Number.isNaN(b)) {
    throw invalid(`${show(operation, a, b)} has no real result.`);
  }
  return result;
}

function float(operation: Operation, a: number, b: number): number {
  switch (operation) {
    case 'add':
      return a + b;
    case 'subtract':
      return a - b;
    case 'multiply':
      return a * b;
    case 'divide':
      return a / b;
    case 'power':
      return a ** b;
    case 'modulo': {
      const remainder = a % b;
      return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
    }
  }
}

function computeBigInts(operation: Operation, a: bigint, b: bigint): Numeric {
  switch (operation) {
    case 'add':
      return a + b;
    case 'subtract':
      return a - b;
    case 'multiply':
      return a * b;
    case 'divide':
      return a % b === 0n ? a / b : Number(a) / Number(b);
    case 'power':
      return powerOfBigInts(a, b);
    case 'modulo': {
      const remainder = a % b;
      return remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
    }
  }
}

function powerOfBigInts(a: bigint, b: bigint): Numeric {
  if (b < 0n) return Number(a) ** Number(b);
  const bits = a.toString(16).length * 4;
  if (a !== 0n && a !== 1n && a !== -1n && b * BigInt(bits) > BigInt(MAX_POWER_BITS)) {
    throw invalid(`${show('power', a, b)} is too large to be computed.`);
  }
  return a ** b;
}

function toFractions(operation: Operation, array: TypedArray, operand: Numeric): Float64Array {
  const result = new Float64Array(array.length);
  for (let index = 0; index < result.length; index++) {
    const element = array[index] as Numeric;
    refuseZeroDivision(operation, element, operand);
    result[index] = float(operation, Number(element), Number(operand));
  }
  return result;
}

function toWholes(operation: Operation, array: TypedArray, operand: Numeric): TypedArray {
  const result = array.slice();
  const isBig = result instanceof BigInt64Array || result instanceof BigUint64Array;
  const right = isBig ? BigInt(operand) : Number(operand);
  for (let index = 0; index < result.length; index++) {
    const element = result[index] as Numeric;
    refuseZeroDivision(operation, element, right);
    const value = isBig
      ? computeBigInts(operation, element as bigint, right as bigint)
      : float(operation, element as number, right as number);
    (result as Record<number, Numeric>)[index] = value;
    // A typed array wraps around silently.
    if (result[index] !== value) {
      throw invalid(
        `element ${String(index)}: ${show(operation, element, operand)} does not fit ${dtypeOf(array)}. Convert the array to a wider type first.`,
      );
    }
  }
  return result;
}

function isFloatArray(array: TypedArray): array is Float32Array | Float64Array {
  return array instanceof Float32Array || array instanceof Float64Array;
}

function wholeOf(value: Numeric): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return Number.isInteger(value) ? BigInt(value) : undefined;
}

function refuseZeroDivision(operation: Operation, a: Numeric, b: Numeric): void {
  const isDivision = operation === 'divide' || operation === 'modulo';
  if (isDivision ? Number(b) === 0 : operation === 'power' && Number(a) === 0 && b < 0) {
    throw invalid(`division by zero: ${show(operation, a, b)}.`);
  }
}

function show(operation: Operation, a: Numeric, b: Numeric): string {
  return `${numeral(a)} ${SIGNS[operation]} ${numeral(b)}`;
}

function numeral(value: Numeric): string {
  const digits = value.toString();
  return digits.length > 24 ? `${digits.slice(0, 21)}… (${String(digits.length)} digits)` : digits;
}

function invalid(problem: string): RemoteMediaError {
  return new RemoteMediaError('RM_INVALID_INPUT', `Calculator: ${problem}`);
}

/** The error of an item that cannot be computed with. */
export function notComputable(item: unknown): RemoteMediaError {
  return invalid(
    `an item must be a number, a bigint, a typed array, a Tensor or an object {operation, args}, got ${describeValue(item)}.`,
  );
}
