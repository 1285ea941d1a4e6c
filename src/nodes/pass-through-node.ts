import { Node, type ParameterSchema } from '../node/index.js';

/** Gives every item on as it is: the very object, unchanged. */
export class PassThroughNode<T = unknown> extends Node<T, T> {
  /** What `remotemedia nodes` says of the class. */
  static readonly description: string = 'Gives every item on as it is.';
  /** What a manifest may give as `params`: nothing. */
  static readonly parameters: ParameterSchema = { type: 'object', properties: {} };

  process(item: T): T {
    return item;
  }
}
