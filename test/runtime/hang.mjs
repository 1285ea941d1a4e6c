import { Node } from 'remotemedia';

/** Gives what it gets; at 0 it then waits until it is interrupted. */
export class Hang extends Node {
  async *process(item, { signal }) {
    yield item;
    if (item === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
}
