// The nodes of the fault soak. Every item is `{ id, … }`, and goes from end to end with its id.
import { setTimeout } from 'node:timers/promises';
import { Node } from 'remotemedia';

/** Fails for some items, sometimes only at first; takes its time for others. */
export class Flaky extends Node {
  async process(item, { signal }) {
    if (item.id % 50 === 7) throw new Error(`item ${item.id} is refused`);
    if (item.id % 211 === 0) await setTimeout(60_000, undefined, { signal });
    else if (item.id % 5 === 0) await setTimeout(1, undefined, { signal });
    return item;
  }
}

/** Ends its own process or thread where an item says so; holds up its event loop for a moment where one says that. */
export class Fragile extends Node {
  process(item) {
    if (item.dies === this.name) process.kill(process.pid, 'SIGKILL');
    if (item.blocks) for (const end = performance.now() + 20; performance.now() < end;);
    return item;
  }
}

/** Ends its worker thread where an item says so. */
export class FragileThread extends Node {
  process(item) {
    if (item.dies === this.name) process.exit(3);
    return item;
  }
}

/** Slower than what comes. */
export class Slow extends Node {
  async process(item) {
    if (item.id % 10 === 0) await setTimeout(1);
    return item;
  }
}
