import { Node, type ParameterSchema } from '../node/index.js';

/** Gives every item on as it is: the very object, unchanged. */
export class PassThroughNode<T = unknown> extends Node<T, T> {
  static readonly description: string = 'Gives every item on as it is.';
  static readonly parameters: ParameterSchema = { type: 'object', properties: {} };

  process(item: T): T {
    return item;
  }
}
