// Our side of the bulk benchmarks: items one at a time through pipelines of this program and two Python hosts. What is
// timed begins where a node makes an item and ends where a node of the same process has the answer.
import { join } from 'node:path';
import { Node, Pipeline, startPythonHost } from 'remotemedia';
import { median } from '../measure.mjs';

const NODES = join(import.meta.dirname, 'nodes.py');
const FLOATS = (1 << 20) / 4;
const DOUBLES = (1 << 20) / 8;

/**
 * Starts two Python hosts.
 * @returns functions that give what to measure: a function of a number of items that gives the median duration in µs
 */
export async function startOurs() {
  const [near, far] = await Promise.all([
    startPythonHost({ name: 'near' }),
    startPythonHost({ name: 'far' }),
  ]);
  const make = (host, name, ...args) => host.create({ file: NODES, class: name, args });
  return {
    /** An array that `Allocate` or `Ordinary` makes, from one Python host to the other, and an int back. */
    async pythonToPython(maker, mebibytes) {
      const back = await make(near, 'Back');
      const nodes = [await make(near, maker, mebibytes), await make(far, 'First'), back];
      return async (items) => {
        await paced(nodes, items);
        return median(await back.call('drain'));
      };
    },

    /** A small item from one Python host to the other, one way: directly, or with a TypeScript node between. */
    async oneWay(between = []) {
      const nodes = [await make(near, 'Stamp'), ...between, await make(far, 'Age')];
      return async (items) => median(await paced(nodes, items)) / 1e3;
    },

    /** An array of a TypeScript node to a Python host, and an int back. */
    async typescriptToPython(maker) {
      const back = new Back(maker);
      const nodes = [maker, await make(near, 'First'), back];
      return async (items) => {
        await paced(nodes, items);
        return back.drain();
      };
    },

    /** An int to a Python host, and an array that `Allocate` or `Ordinary` makes back to a TypeScript node. */
    async pythonToTypescript(maker, taker) {
      const ask = new Ask();
      const back = new Back(ask);
      const nodes = [ask, await make(near, maker), taker, back];
      return async (items) => {
        await paced(nodes, items);
        return back.drain();
      };
    },

    end: () => Promise.all([near.close(), far.close()]),
  };
}

/** Runs items through nodes, each when the one before it has come out; gives the outputs. */
async function paced(nodes, items) {
  let isOut;
  async function* numbers() {
    for (let number = 0; number < items; number++) {
      const out = new Promise((resolve) => (isOut = resolve));
      yield number;
      await out;
    }
  }
  const outputs = [];
  for await (const output of new Pipeline(nodes).stream(numbers())) {
    outputs.push(output);
    isOut();
  }
  if (outputs.length !== items) throw new Error(`${outputs.length} of ${items} items came out`);
  return outputs;
}

/** Gives an array of its own, made before. */
export class Ordinary extends Node {
  leftAt = 0;
  #arrays = Array.from({ length: 4 }, () => new Float32Array(FLOATS));

  process(number) {
    // The array that this was before has had its answer.
    const array = this.#arrays[number % this.#arrays.length];
    array[0] = number;
    this.leftAt = performance.now();
    return array;
  }
}

/** Gives an array that the runtime has made. */
export class Allocate extends Node {
  leftAt = 0;

  process(number, context) {
    this.leftAt = performance.now();
    const tensor = context.allocate('float32', [FLOATS]);
    tensor.data[0] = number;
    return tensor;
  }
}

/** Notes when a number leaves. */
class Ask extends Node {
  leftAt = 0;

  process(number) {
    this.leftAt = performance.now();
    return number;
  }
}

/** Answers an array, its own copy, with its first number. */
export class First extends Node {
  process(tensor) {
    if (tensor.size !== DOUBLES) throw new Error(`${tensor.size} numbers arrived`);
    return tensor.data[0];
  }
}

/** The same, of an array that it promises not to keep. */
export class BorrowedFirst extends First {
  borrows = true;
}

/** Notes how long the answer to what a node has given took. */
class Back extends Node {
  #durationsUs = [];
  #count = 0;
  #maker;

  constructor(maker) {
    super({});
    this.#maker = maker;
  }

  process(number) {
    this.#durationsUs.push((performance.now() - this.#maker.leftAt) * 1e3);
    if (number !== this.#count++) throw new Error(`${this.#count - 1} came back as ${number}`);
    return number;
  }

  drain() {
    const duration = median(this.#durationsUs);
    this.#durationsUs = [];
    this.#count = 0;
    return duration;
  }
}

/** An item between two Python nodes passes this program. */
export class Between extends Node {
  process(item) {
    return item;
  }
}
