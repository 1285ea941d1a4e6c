import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, didYouMeanType, formatPath, parsePath, quote } from './problems.js';

describe('formatPath', () => {
  it.each([
    ['nodes[2].params.operand', ['nodes', 2, 'params', 'operand']],
    ['[2].params', [2, 'params']],
    ['nodes[0].params["my key"]', ['nodes', 0, 'params', 'my key']],
    ['', []],
  ])('writes %s', (expected, path) => {
    expect(formatPath(path)).toBe(expected);
  });

  it('is undone by parsePath', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.nat())), (path) => {
        expect(parsePath(formatPath(path))).toEqual(path);
      }),
    );
  });
});

describe('didYouMean', () => {
  it.each([
    ['connection', ' (did you mean "connections"?)'],
    ['edges', ' (did you mean "connections"?)'],
    ['xyz', ''],
  ])('for %s says "%s"', (given, expected) => {
    expect(didYouMean(given, ['nodes', 'connections'])).toBe(expected);
  });

  it('knows node types without their suffix', () => {
    expect(didYouMeanType('PassThrugh', ['PassThroughNode', 'Chunker'])).toBe(
      ' (did you mean "PassThrough"?)',
    );
    expect(didYouMeanType('Chuncker', ['PassThroughNode', 'Chunker'])).toBe(' (did you mean "Chunker"?)');
  });
});

describe('quote', () => {
  it.each([
    ['x', '"x" (string)'],
    ['y'.repeat(100), `"${'y'.repeat(60)}…" (string)`],
    [5n, '5 (bigint)'],
    [true, 'true (boolean)'],
    [null, 'null'],
    [undefined, 'nothing'],
    [[1], 'an array'],
    [{ a: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [new Map(), 'a Map'],
    [Symbol('s'), 'a symbol'],
    [Map, 'a function Map'],
  ])('shows %o as %s', (value, expected) => {
    expect(quote(value)).toBe(expected);
  });
});
