// Nodes that are killed from outside, or kill themselves, and say in which process they were.
import { setImmediate as turn } from 'node:timers/promises';

class Initialized {
  isInitialized = false;
  initialize() {
    this.isInitialized = true;
  }
  /** What is known of an item. */
  seen(n) {
    return { n, pid: process.pid, isInitialized: this.isInitialized };
  }
}

/** One output for each item; an item that is not a number ends the process. */
export class One extends Initialized {
  process(n) {
    if (typeof n !== 'number') process.kill(process.pid, 'SIGKILL');
    return this.seen(n);
  }
}

/** As `One`, a turn of the event loop later. */
export class Later extends Initialized {
  async process(n) {
    await turn();
    return this.seen(n);
  }
}

/** Two outputs for each item. */
export class Two extends Initialized {
  async *process(n) {
    yield this.seen(n);
    await turn();
    yield this.seen(n + 0.5);
  }
}

/** Nothing for odd items. */
export class Even extends Initialized {
  process(n) {
    return n % 2 === 0 ? this.seen(n) : undefined;
  }
}

/** Fails for every tenth item. */
export class Failing extends Initialized {
  process(n) {
    if (n % 10 === 3) throw new Error(`no ${n}`);
    return this.seen(n);
  }
}

/** Ends its process in `initialize`, but for the first one. */
export class Unlucky extends One {
  constructor({ owner }) {
    super();
    this.owner = owner;
  }
  async initialize() {
    const { existsSync, writeFileSync } = await import('node:fs');
    if (existsSync(this.owner)) process.kill(process.pid, 'SIGKILL');
    writeFileSync(this.owner, '');
  }
}

/** Gives on what it gets. */
export class Same {
  initialize() {}
  process(item) {
    return item;
  }
}
