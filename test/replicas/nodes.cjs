// Loaded by Node.js itself, here as in hosts; classes that are no subclasses are nodes as well.
const { appendFileSync, readFileSync } = require('node:fs');
const { threadId } = require('node:worker_threads');

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
  constructor({ file }) {
    this.file = file;
  }

  initialize() {}

  async process(item) {
    note(this.file, `item ${item}`);
    while (item === 0 && readFileSync(this.file, 'utf8').split('\n').length < 8) await turn();
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

/** Fails each time, and writes it down. Whoever makes it from its own state finds the policy there. */
class Stubborn {
  failurePolicy = { onError: 'skip', retry: { attempts: 5, delayMs: 0 } };

  constructor({ file }) {
    this.file = file;
  }

  initialize() {}

  process(item) {
    note(this.file, item);
    throw new RangeError(item);
  }
}

/** Gives the presentation time of its item, and what it adds to it. */
class Clock {
  initialize() {}

  *process(item, context) {
    yield `${item} at ${context.timestampUs}`;
    context.timestampUs += 5;
    yield `${item} then`;
    context.timestampUs += 5;
    yield `${item} last`;
  }
}

/** Adds its mark to texts; says at the end how many it had. */
class Mark {
  count = 0;

  constructor({ mark }) {
    this.mark = mark;
  }

  initialize() {}

  process(text) {
    this.count++;
    return text + this.mark;
  }

  flush() {
    return `${this.count} of ${this.mark}`;
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

module.exports = { Recipe, Journal, Slow, Talk, Stubborn, Clock, Mark, Mortal, Refusing, Failing, Streaming };
