// Items that fit into the folder, then one that does not.
import { Node, Pipeline } from 'remotemedia';

class Fill extends Node {
  process(length) {
    return new Uint8Array(length).fill(1);
  }
}

class Sum extends Node {
  executor = 'process';
  process(bytes) {
    return bytes.reduce((sum, byte) => sum + byte, 0);
  }
}

const outputs = [];
let failure;
try {
  for await (const output of new Pipeline([new Fill(), new Sum()]).stream([10, 65_536, 100_000, 2 ** 22, 20]))
    outputs.push(output);
} catch ({ name, code, message }) {
  failure = { name, code, message };
}
console.log(JSON.stringify({ failure, outputs }));
