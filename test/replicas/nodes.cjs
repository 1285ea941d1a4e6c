// Loaded by Node.js itself, here as in hosts; classes that are no subclasses are nodes as well.
const { appendFileSync } = require('node:fs');
const { BroadcastChannel, threadId } = require('node:worker_threads');

const turn = () => new Promise((resolve) => setImmediate(resolve));

const note = (file, what) => appendFileSync(file, `${what} ${process.pid}-${threadId}\n`);

/** Gives as many outputs for an item as it says, each after as many turns of the event loop. */
class Recipe {
  initialize() {}

  process({ id, outputs, turns, form }) {
    if (form === 'failing') throw new RangeError(`item ${id}`);
    const given = Array.from({ length: outputs }, (_, index) => `${id}.${index}`);
    if (form === 'sync') return given.values();
    if (form === 'promise') return later(given, turns);
    return oneByOne(given, turns);
  }
}

async function later(given, turns) {
  for (let left = turns; left > 0; left--) await turn();
  return given.values();
}

async function* oneByOne(given, turns) {
  for (const value of given) {
    for (let left = turns; left > 0; left--) await turn();
    yield value;
  }
}

/** Writes down where and when it lives; gives where it is, and at the end how many items it had. */
class Journal {
  count = 0;

  constructor({ file }) {
    this.file = file;
  }

  initialize() {
    note(this.file, 'initialize');
  }

  process() {
    this.count++;
    return `${process.pid}-${threadId}`;
  }

  flush() {
    return { count: this.count };
  }

  cleanup() {
    note(this.file, 'cleanup');
  }
}

/** Is not done with its first item before others have been processed elsewhere. */
class Slow {
  initialize() {}

  async process(item) {
    const channel = new BroadcastChannel('remotemedia-replicas-slow');
    if (item > 0) channel.postMessage(item);
    else for (let left = 6; left > 0; left--) await new Promise((resolve) => (channel.onmessage = resolve));
    channel.close();
    return item;
  }
}

/** Waits for what never comes; says when it begins, and takes part in interruptions. */
class Talk {
  initialize() {}

  async *process(item, context) {
    if (item === 'barge in') context.interrupt();
    if (item === 'keep') context.survive();
    yield `${item} begins`;
    if (item !== 'wait') return;
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
  }
}

/** Ends its process. */
class Mortal {
  initialize() {}

  process(item) {
    if (item === 'die') process.exit(3);
    return item;
  }
}

/** Is made, and refuses to begin. */
class Refusing {
  initialize() {
    throw new TypeError('no model');
  }

  process(item) {
    return item;
  }
}

/** Fails where nothing is processed. */
class Failing {
  constructor({ where }) {
    this.where = where;
  }

  initialize() {}

  process(item) {
    return item;
  }

  flush() {
    if (this.where === 'flush') throw new TypeError('no flush');
  }

  cleanup() {
    if (this.where === 'cleanup') throw new TypeError('no cleanup');
  }
}

/** Has the whole input as one stream. */
class Streaming {
  initialize() {}

  async *stream(input) {
    yield* input;
  }
}

module.exports = { Recipe, Journal, Slow, Talk, Mortal, Refusing, Failing, Streaming };
