import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NodeError, PythonError, RemoteMediaError } from '../errors/index.js';
import { decodeValue, encodeInto, lower } from '../wire/index.js';
import { decodeFailure, encodeFailure, type Failure } from './index.js';

/** An error as it is at the other end of a connection. */
function sent(error: unknown): Error & Record<string, unknown> {
  const failure = decodeValue(encodeInto(lower(encodeFailure(error)), 0)) as Failure;
  return decodeFailure(failure, 'elsewhere') as Error & Record<string, unknown>;
}

describe('an error that crosses', () => {
  test('keeps its own properties', () => {
    const given = { code: 'E_MINE', status: 404, detail: { hosts: ['a'], at: new Date(5) }, errno: -2 };
    const error = sent(Object.assign(new Error('nope'), given));
    expect(Object.fromEntries(Object.entries(error))).toEqual({ ...given, name: 'Error' });
    expect(error.message).toBe('nope');
  });

  test('has those of its cause, and of the errors within it', () => {
    const inner = Object.assign(new TypeError('a', { cause: Object.assign(new Error('c'), { status: 1 }) }), {
      code: 7,
    });
    const error = sent(new AggregateError([inner, 'text'], 'all'));
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ name: 'AggregateError', message: 'all' });
    const [first, second] = error['errors'] as (Error & { code?: unknown })[];
    expect(first).toBeInstanceOf(TypeError);
    expect(first).toMatchObject({ message: 'a', code: 7, cause: { message: 'c', status: 1 } });
    expect(second).toMatchObject({ message: 'text' });
  });

  test('leaves behind what cannot cross, cannot be read or is too large', () => {
    const error = Object.assign(new Error('odd') as Error & { itself?: unknown }, {
      socket: () => undefined,
      large: 'x'.repeat(100_000),
      bad: '\ud800',
      status: 1,
    });
    error.itself = error;
    Object.defineProperty(error, 'broken', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(Object.keys(sent(error)).filter((key) => key !== 'name')).toEqual(['status']);
  });

  test('keeps what every error has, whatever its properties are named', () => {
    const properties = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": 3}') as object;
    const error = sent(Object.defineProperties(new Error('x'), Object.getOwnPropertyDescriptors(properties)));
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
    expect(String(error)).toBe('Error: x');
  });

  test('is an instance of the built-in class that its own class extends', () => {
    class QuotaError extends RangeError {
      override readonly name = 'QuotaError';
      readonly limit = 3;
    }
    const error = sent(new QuotaError('too many'));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ name: 'QuotaError', limit: 3 });
  });

  test('crosses with text that cannot be written', () => {
    expect(sent(new Error('bad \ud800')).message).toBe('bad \ufffd');
    expect(sent('bad \ud800').message).toBe('bad \ufffd');
  });

  test('goes on through a second host as it came', () => {
    const once = sent(Object.assign(new RangeError('far'), { status: 9 }));
    expect(sent(once)).toMatchObject({ name: 'RangeError', message: 'far', status: 9 });
  });

  test('is cut where it leads on without end', () => {
    const error = new Error('one');
    const other = new Error('two', { cause: error });
    error.cause = other;
    const many: unknown[] = Array.from({ length: 1000 }, (_, index) => new Error(String(index)));
    let depth = 0;
    for (let next: unknown = sent(error); next !== undefined; next = (next as Error).cause) depth++;
    expect(depth).toBe(21);
    expect(sent(new AggregateError(many))['errors']).toHaveLength(99);
  });

  test('of a node has its place and what came after it', () => {
    const cause = Object.assign(new Error('x'), { status: 1 });
    const error = new NodeError({ nodeId: 'a', phase: 'process', itemIndex: 2, cause });
    error.suppressed.push(new Error('later'));
    expect(sent(error)).toMatchObject({
      nodeId: 'a',
      phase: 'process',
      itemIndex: 2,
      cause: { status: 1 },
      suppressed: [{ message: 'later' }],
    });
  });

  test('of this package keeps its class and code, and no field twice', () => {
    const error = new RemoteMediaError('RM_CLOSED', 'gone', { nodeId: 'a', host: 'there' });
    expect(encodeFailure(error)).not.toHaveProperty('attributes');
    expect(sent(error)).toMatchObject({ code: 'RM_CLOSED', nodeId: 'a', host: 'elsewhere' });
  });
});

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly failure: Failure;
}

const golden = JSON.parse(
  readFileSync(new URL('../../schema/golden.json', import.meta.url), 'utf8'),
) as Readonly<Record<'failures', readonly Vector[]>>;

describe('golden vectors of failures', () => {
  test.each(golden.failures)('$name is read', ({ hex, failure }) => {
    const read = decodeValue(Buffer.from(hex, 'hex')) as Failure;
    expect(read).toEqual(failure);
    const error = decodeFailure(read, 'elsewhere');
    expectFailure(error instanceof NodeError ? error.cause : error, failure);
  });

  function expectFailure(error: unknown, failure: Failure): void {
    const { message, attributes = {}, args = [], errors = [], cause, language } = failure;
    expect((error as Error).message).toContain(message);
    if (language === 'python') {
      expect(error).toBeInstanceOf(PythonError);
      expect(error).toMatchObject({ attributes, args });
    } else expect(error).toMatchObject({ name: failure.type, ...attributes });
    if (cause !== undefined) expectFailure((error as Error).cause, cause);
    for (const [index, inner] of errors.entries()) {
      expectFailure((error as AggregateError).errors[index], inner);
    }
  }
});
