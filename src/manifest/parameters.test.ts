import { describe, expect, it } from 'vitest';
import { Node, type ParameterSchema } from '../node/index.js';
import { checkParams } from './index.js';

class Gain extends Node {
  static readonly parameters: ParameterSchema = {
    type: 'object',
    properties: {
      operation: { enum: ['add', 'multiply'] },
      operand: { type: 'number' },
      channels: { type: 'integer', minimum: 1, maximum: 8 },
      labels: { type: 'array', items: { type: 'string' } },
      path: { type: ['string', 'null'] },
      limit: { oneOf: [{ type: 'number' }, { type: 'array', items: { type: 'number' } }] },
    },
    required: ['operation'],
  };
  process(item: unknown): unknown {
    return item;
  }
}

class Anything extends Node {
  process(item: unknown): unknown {
    return item;
  }
}

const messageOf = (
  params: Record<string, unknown>,
  nodeClass: typeof Gain | typeof Anything = Gain,
): string | undefined => {
  try {
    checkParams({ node_type: nodeClass.name, params }, nodeClass, 'nodes[2]');
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

describe('checkParams', () => {
  it('lets pass what the class declares', () => {
    expect(
      messageOf({ operation: 'add', operand: 2, channels: 1, labels: ['a'], path: null, limit: [1, 2] }),
    ).toBeUndefined();
  });

  it('checks nothing where the class declares nothing', () => {
    expect(messageOf({ whatever: 1 }, Anything)).toBeUndefined();
  });

  it.each([
    ['nodes[2].params.operation is missing', {}],
    ['nodes[2].params.operation must be "add" or "multiply", got "ad" (string)', { operation: 'ad' }],
    ['nodes[2].params.operand must be a number, got "x" (string)', { operation: 'add', operand: 'x' }],
    ['nodes[2].params.channels must be at most 8, got 9 (number)', { operation: 'add', channels: 9 }],
    [
      'nodes[2].params.channels must be a whole number, got 1.5 (number)',
      { operation: 'add', channels: 1.5 },
    ],
    ['nodes[2].params.labels[1] must be a string, got 5 (number)', { operation: 'add', labels: ['a', 5] }],
    ['nodes[2].params.path must be a string or null, got 5 (number)', { operation: 'add', path: 5 }],
    [
      'nodes[2].params.limit must be a number or an array, got "x" (string)',
      { operation: 'add', limit: 'x' },
    ],
    ['nodes[2].params.limit[0] must be a number, got "x" (string)', { operation: 'add', limit: ['x'] }],
    ['nodes[2].params.operant is not known here (did you mean "operand"?)', { operation: 'add', operant: 1 }],
  ])('%s', (expected, params) => {
    expect(messageOf(params)).toBe(`Invalid manifest: ${expected}.`);
  });

  it('says which class declares what is no JSON Schema', () => {
    class Broken extends Anything {
      static readonly parameters = { type: 'object', properties: { a: { $ref: '#/nowhere' } } } as const;
    }
    expect(messageOf({ a: 1 }, Broken)).toMatch(/^The static parameters of Broken are no JSON Schema: /);
  });
});
