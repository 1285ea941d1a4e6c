import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AudioFrame, Tensor } from '../data/index.js';
import { InvalidArgumentError } from '../errors/index.js';
import type { Operation } from './arithmetic.js';
import { CalculatorNode, type CalculatorOptions, type CalculatorRequest } from './calculator-node.js';

function calculate(item: unknown, operation: Operation, operand: number | bigint): unknown {
  return new CalculatorNode({ operation, operand }).process(item as never);
}

describe('CalculatorNode', () => {
  it.each<[number | bigint, Operation, number | bigint, number | bigint]>([
    [7, 'add', 3, 10],
    [7, 'subtract', 3, 4],
    [7, 'multiply', 3, 21],
    [7, 'divide', 2, 3.5],
    [2, 'power', 10, 1024],
    [2, 'power', -1, 0.5],
    [7, 'modulo', 3, 1],
    [-7, 'modulo', 3, 2],
    [7, 'modulo', -3, -2],
    [-7, 'modulo', -3, -1],
    [5.5, 'modulo', -2, -0.5],
    [7n, 'add', 3, 10n],
    [7, 'add', 3n, 10n],
    [7n, 'add', 0.5, 7.5],
    [-7n, 'modulo', 3n, 2n],
    [8n, 'divide', 2n, 4n],
    [7n, 'divide', 2n, 3.5],
    [2n, 'power', -1, 0.5],
    [2 ** 53 - 1, 'add', 2, 9_007_199_254_740_993n],
    [3_000_000_001, 'multiply', 3_000_000_001, 9_000_000_006_000_000_001n],
    [2, 'power', 64, 18_446_744_073_709_551_616n],
    [1e300, 'multiply', 10, 1e301],
  ])('computes %s %s %s = %s', (item, operation, operand, result) => {
    expect(calculate(item, operation, operand)).toBe(result);
  });

  it('gives whole results exactly and modulo with the sign of the divisor, for any whole numbers', () => {
    const whole = fc.maxSafeInteger();
    fc.assert(
      fc.property(
        whole,
        whole,
        fc.constantFrom<Operation>('add', 'subtract', 'multiply', 'modulo'),
        (a, b, operation) => {
          fc.pre(operation !== 'modulo' || b !== 0);
          const [x, y] = [BigInt(a), BigInt(b)];
          const remainder = operation === 'modulo' ? ((x % y) + y) % y : 0n;
          const exact = { add: x + y, subtract: x - y, multiply: x * y, modulo: remainder }[
            operation as 'add'
          ];
          const result = calculate(a, operation, b);
          expect(BigInt(result as number)).toBe(exact);
          expect(typeof result).toBe(Number.isSafeInteger(Number(exact)) ? 'number' : 'bigint');
          expect(calculate(x, operation, y)).toBe(exact);
        },
      ),
    );
  });

  it.each<[unknown, Operation, number, unknown]>([
    [Int16Array.of(1, -2, 3), 'multiply', 2, Int16Array.of(2, -4, 6)],
    [Int8Array.of(-7, 7), 'modulo', 3, Int8Array.of(2, 1)],
    [Uint8Array.of(1, 2), 'divide', 2, Float64Array.of(0.5, 1)],
    [Int32Array.of(1, 2), 'add', 0.5, Float64Array.of(1.5, 2.5)],
    [Int32Array.of(2, 4), 'power', -1, Float64Array.of(0.5, 0.25)],
    [Float32Array.of(1, -2), 'divide', 4, Float32Array.of(0.25, -0.5)],
    [Float64Array.of(-5.5), 'modulo', 2, Float64Array.of(0.5)],
    [BigInt64Array.of(-7n, 2n ** 62n), 'modulo', 5, BigInt64Array.of(3n, 4n)],
    [BigInt64Array.of(3n), 'divide', 2, Float64Array.of(1.5)],
    [new Float32Array(0), 'add', 1, new Float32Array(0)],
  ])('computes element by element: %o %s %s', (item, operation, operand, result) => {
    const before = structuredClone(item);
    expect(calculate(item, operation, operand)).toEqual(result);
    expect(item).toEqual(before);
  });

  it('computes with tensors and keeps their shape', () => {
    const tensor = new Tensor('int16', [2, 2], Int16Array.of(1, 2, 3, 4));
    expect(calculate(tensor, 'multiply', 3)).toEqual(new Tensor('int16', [2, 2], Int16Array.of(3, 6, 9, 12)));
    expect(calculate(tensor, 'divide', 2)).toEqual(
      new Tensor('float64', [2, 2], Float64Array.of(0.5, 1, 1.5, 2)),
    );
  });

  it('refuses results that do not fit the element type instead of wrapping around', () => {
    expect(() => calculate(Uint8Array.of(1, 200), 'add', 100)).toThrow(
      'element 1: 200 + 100 does not fit uint8',
    );
    expect(() => calculate(BigInt64Array.of(2n ** 62n), 'multiply', 2)).toThrow('does not fit int64');
  });

  it.each<[unknown, Operation, number]>([
    [1, 'divide', 0],
    [1, 'modulo', 0],
    [1n, 'divide', 0],
    [0, 'power', -1],
    [Int16Array.of(1), 'modulo', 0],
    [Float32Array.of(1), 'divide', 0],
    [Int16Array.of(0), 'power', -1],
  ])('refuses the division by zero %o %s %s', (item, operation, operand) => {
    expect(() => calculate(item, operation, operand)).toThrow(/division by zero/);
  });

  it('refuses what has no real or no sensible result', () => {
    expect(() => calculate(-8, 'power', 0.5)).toThrow('-8 ** 0.5 has no real result');
    expect(() => calculate(3, 'power', 10 ** 9)).toThrow('3 ** 1000000000 is too large');
    expect(calculate(NaN, 'add', 1)).toBeNaN();
  });

  it.each([
    ['', undefined],
    [null, undefined],
  ])('gives no output for %j', (item, output) => {
    expect(calculate(item, 'add', 1)).toBe(output);
  });

  it.each([
    ['12', 'got "12" (string)'],
    [true, 'got true (boolean)'],
    [[1, 2], 'got Array'],
    [new Map(), 'got Map'],
    [{ value: 3 }, 'got Object'],
    [new AudioFrame({ data: new Float32Array(1), sampleRate: 1 }), 'got AudioFrame'],
    [new Uint8ClampedArray(1), 'got Uint8ClampedArray'],
  ])('says what it got for %j', (item, message) => {
    expect(() => calculate(item, 'add', 1)).toThrow(message);
  });

  it('refuses tensors that it cannot compute with', () => {
    expect(() => calculate(new Tensor('float16', [1], Uint16Array.of(1)), 'add', 1)).toThrow(
      'float16 tensor',
    );
    expect(() => calculate(new Tensor('complex64', [1], new Float32Array(2)), 'add', 1)).toThrow(
      'complex64 tensor',
    );
  });

  it('answers items that name their operation', () => {
    const node = new CalculatorNode<CalculatorRequest>({ name: 'calc' });
    expect(node.process({ operation: 'add', args: [1, 2] })).toEqual({
      operation: 'add',
      args: [1, 2],
      result: 3,
      processed_by: 'CalculatorNode[calc]',
      node_config: {},
    });
    expect(node.process({ operation: 'divide', args: [1, 0] })).toMatchObject({
      error: expect.stringContaining('division by zero'),
    });
    expect(node.process({ operation: 'root', args: [1, 0] })).toMatchObject({
      error: expect.stringContaining('"root" (string)'),
    });
    expect(node.process({ operation: 'add', args: [1] })).toMatchObject({
      error: expect.stringContaining('two numbers'),
    });
    expect(node.process({ operation: 'add', args: [1, 'x'] })).toMatchObject({
      error: expect.stringContaining('args[1]'),
    });
  });

  it('says how to give it an operation where it has none', () => {
    expect(() => new CalculatorNode().process(1)).toThrow(
      'got 1 (number), but was made without an operation',
    );
  });

  it.each<[unknown, string]>([
    [{ operation: 'add', operand: 'x' }, 'Calculator: operand must be a number, got "x" (string).'],
    [{ operation: 'add' }, 'Calculator: operand must be a number, got undefined.'],
    [{ operation: 'root', operand: 2 }, 'Calculator: operation must be one of "add", "subtract"'],
    [{ operand: 2 }, 'got undefined'],
  ])('refuses the options %j', (options, message) => {
    expect(() => new CalculatorNode(options as CalculatorOptions)).toThrow(message);
    expect(() => new CalculatorNode(options as CalculatorOptions)).toThrow(InvalidArgumentError);
  });
});
