import { InvalidArgumentError } from '../errors/index.js';
import type { NodeLike } from './node.js';

/** A place in a pipeline whose node is made anew for each session and run; {@link perSession} makes it. */
export class PerSession<In = never, Out = unknown> {
  /** Types only, never there at run time: what the node takes and gives. */
  declare readonly '~types'?: {
    /** A function, so that a node that takes more also fits where less is given. */
    readonly in: (item: In) => void;
    /** One output, also of a node that gives many for an item. */
    readonly out: Out;
  };
  /** Makes a node. */
  readonly make: () => NodeLike<In, Out>;

  /** @internal */
  constructor(make: () => NodeLike<In, Out>) {
    this.make = make;
  }
}

/**
 * A node of its own for each session and run, where a live object in a pipeline is shared by all: for what must not mix, such as the turns of a
 * conversation.
 *
 * @param make - gives a new node each time
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` (a `TypeError`) where it is no function
 * @example
 * ```ts
 * const pipeline = Pipeline.from(recognizer).pipe(perSession(() => new Turns()));
 * ```
 */
export function perSession<In, Out>(make: () => NodeLike<In, Out>): PerSession<In, Out> {
  if (typeof make !== 'function')
    throw new InvalidArgumentError(
      'RM_INVALID_ARGUMENT',
      'perSession takes a function that makes a node: perSession(() => new MyNode()).',
    );
  return new PerSession(make);
}
