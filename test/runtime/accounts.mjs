// Nodes whose outputs say from which input they come.
import { setImmediate as turn } from 'node:timers/promises';

/** Nothing for odd numbers. */
export class Even {
  initialize() {}
  process(n) {
    return n % 2 === 0 ? n : undefined;
  }
}

/** Each number twice. */
export class Twice {
  initialize() {}
  async *process(n) {
    yield n;
    await turn();
    yield n;
  }
}

/** A turn of the event loop later. */
export class Later {
  initialize() {}
  async process(n) {
    await turn();
    return n;
  }
}
