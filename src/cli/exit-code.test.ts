import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, ManifestError, NodeError, RemoteMediaError } from '../errors/index.js';
import { describeFailure, exitCodeOf, UsageError } from './exit-code.js';

describe('exitCodeOf', () => {
  it.each([
    [new NodeError({ nodeId: 'a', phase: 'process', cause: new Error('x') }), 1],
    [new TypeError('x'), 1],
    ['thrown text', 1],
    [new RemoteMediaError('RM_INVALID_INPUT', 'a bad item'), 1],
    [new InvalidArgumentError('RM_INVALID_INPUT', 'sources only'), 2],
    [new UsageError('x'), 2],
    [new ManifestError('x'), 3],
    [new ManifestError('x', 'nodes[0]', { code: 'RM_UNKNOWN_NODE_TYPE' }), 3],
    [new InvalidArgumentError('RM_EMPTY_PIPELINE', 'x'), 3],
    [new RemoteMediaError('RM_MODULE', 'x'), 3],
    [new RemoteMediaError('RM_PYTHON_NOT_FOUND', 'x'), 4],
    [new RemoteMediaError('RM_TSX_NOT_FOUND', 'x'), 4],
  ])('of %s is %i', (error, expected) => {
    expect(exitCodeOf(error)).toBe(expected);
  });
});

describe('describeFailure', () => {
  const error = new Error('outer', { cause: new RangeError('inner') });

  it('is the message, or the value where there is none', () => {
    expect(describeFailure(error, false)).toBe('remotemedia: outer\n');
    expect(describeFailure(new Error(''), false)).toBe('remotemedia: Error\n');
    expect(describeFailure('text', false)).toBe('remotemedia: text\n');
  });

  it('has stack and causes when debugging', () => {
    expect(describeFailure(error, true)).toMatch(/^remotemedia: Error: outer\n +at [\s\S]*RangeError: inner/);
  });
});
