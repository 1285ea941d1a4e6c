// With koffi: tensors that need no copy on their way out, and views of what comes in.
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { AudioFrame, BinaryData, Node, Pipeline, startPythonHost } from 'remotemedia';

const LENGTH = 2 ** 18;

/** Gives tensors away and keeps them: what it has of them afterwards? */
class Allocate extends Node {
  kept = [];
  process(value, context) {
    const tensor = context.allocate('float32', [LENGTH]);
    tensor.data.fill(value);
    this.kept.push(tensor);
    return tensor;
  }
}

class Borrow extends Node {
  borrows = true;
  process({ data }) {
    const isView = data.buffer.byteLength > data.byteLength;
    return [data[0], data.every((value) => value === data[0]), isView];
  }
}

class BorrowLater extends Borrow {
  async process(tensor) {
    await turn();
    await turn();
    return super.process(tensor);
  }
}

class BorrowMany extends Borrow {
  *process(tensor) {
    yield super.process(tensor);
    yield super.process(tensor);
  }
}

class BorrowThere extends Borrow {
  executor = 'process';
}

class Twice extends Node {
  process(value, context) {
    const tensor = context.allocate('uint8', [2 ** 16]);
    tensor.data[0] = value;
    return [tensor, tensor];
  }
}

class Small extends Node {
  process(_, context) {
    return context.allocate('int16', [4]);
  }
}

class Again extends Node {
  *process(value, context) {
    const tensor = context.allocate('uint8', [2 ** 16]);
    yield tensor;
    yield tensor;
  }
}

/** Gives parts and wrappings of an allocated array with two items. */
class AgainAs extends Node {
  constructor(wrap) {
    super();
    this.wrap = wrap;
  }
  *process(_, context) {
    const item = this.wrap(context.allocate('float32', [2 ** 14]).data);
    yield item;
    yield item;
  }
}

class Pass extends Node {
  process(item) {
    return item;
  }
}

/** Looks at a tensor again once all items have come. */
class LookLater extends Node {
  kept = [];
  process(tensor) {
    this.kept.push(tensor);
  }
  flush() {
    return this.kept.map(({ data }) => [data.length, data[0]]);
  }
}

const host = await startPythonHost();
const make = (name) => host.create({ file: join(import.meta.dirname, 'nodes.py'), class: name });
const numbers = Array.from({ length: 100 }, (_, index) => index);
const result = {};

const allocate = new Allocate();
result.firsts = await outputsOf([allocate, await make('First')], numbers);
result.left = allocate.kept.map(({ data }) => data.length);

const shared = new Allocate();
const fanOut = new Pipeline();
const takers = [await make('IsWritable'), await make('IsWritable')];
for (const node of [shared, ...takers]) fanOut.add(node);
for (const taker of takers) fanOut.connect(shared, taker);
result.shared = await fanOut.run([0, 1, 2]);
result.sharedLeft = shared.kept.map(({ data }) => data[5]);

const asked = [0, 1, 2, 3, 4].map((more) => ['float32', LENGTH + more]);
for (const taker of [new Borrow(), new BorrowLater(), new BorrowMany()])
  result[taker.constructor.name] = await outputsOf([await make('Make'), taker], asked);
result.there = await outputsOf([new Allocate(), new BorrowThere()], numbers);

const [[first, second]] = await outputsOf([new Twice(), await make('Echo')], [7]);
result.twice = [first.data[0], second.data[0]];
result.again = await outputsOf([new Again(), await make('First')], [1]).catch(messageOf);

const audio = (data) => new AudioFrame({ data, sampleRate: 8000 });
for (const [name, wrap] of Object.entries({
  array: (data) => data,
  part: (data) => data.subarray(10),
  bytes: (data) => new Uint8Array(data.buffer),
  buffer: ({ buffer }) => ({ buffer }),
  audio,
  binary: (data) => new BinaryData({ data: new Uint8Array(data.buffer) }),
}))
  result[`again ${name}`] = await outputsOf([new AgainAs(wrap), await make('Echo')], [1]).catch(messageOf);

const [branching, pass, later] = [new Allocate(), new Pass(), new LookLater()];
const branches = new Pipeline();
const [negate, look] = [await make('Negate'), await make('First')];
for (const node of [branching, pass, later, negate, look]) branches.add(node);
branches.connect(branching, pass).connect(pass, negate).connect(negate, look).connect(branching, later);
result.branches = await branches.run([1, 2]);

const [local] = await outputsOf([new Allocate()], [3]);
result.local = local.data[9];
const [small] = await outputsOf([new Small(), await make('Echo')], [0]);
result.small = [...small.data];
await host.close();
console.log(JSON.stringify(result));

function messageOf({ message }) {
  return message;
}

async function outputsOf(nodes, items) {
  const outputs = [];
  for await (const output of new Pipeline(nodes).stream(items)) outputs.push(output);
  return outputs;
}
