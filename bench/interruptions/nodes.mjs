// Nodes that are interrupted at all of their moments. Items are `{ id, survives, turns }`, and go through with their id.
import { setImmediate } from 'node:timers/promises';
import { Node, StreamingNode } from 'remotemedia';

/** At once. */
export class Direct extends Node {
  process(item) {
    return item;
  }
}

/** After some turns of the event loop, in which it may be given up. */
export class Waiting extends Node {
  async process(item, { signal }) {
    for (let turn = 0; turn < item.turns; turn++) await setImmediate(undefined, { signal });
    return item;
  }
}

/** A generator that is closed where its item is interrupted; gives each item once, at its end. */
export class Giving extends Node {
  async *process(item, { signal }) {
    for (let turn = 0; turn < item.turns; turn++) {
      yield undefined;
      await setImmediate(undefined, { signal });
    }
    yield item;
  }
}

/** One that goes on through all interruptions. */
export class Through extends StreamingNode {
  async *stream(items) {
    for await (const item of items) yield item;
  }
}
