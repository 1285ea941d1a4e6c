// From this process to one of its own, to another one and back; tells how many slabs this one had open at most while it made tensors.
import { readdirSync, readlinkSync } from 'node:fs';
import { Node, Pipeline, Tensor } from 'remotemedia';

let slabs = 0;

class Fill extends Node {
  process(value) {
    slabs = Math.max(slabs, slabsOfThisProcess());
    return new Tensor('float32', [2 ** 18], new Float32Array(2 ** 18).fill(value));
  }
}

class Pass extends Node {
  executor = 'process';
  process(tensor) {
    return tensor;
  }
}

class Keep extends Node {
  executor = 'process';
  kept = [];
  process(tensor) {
    this.kept.push(tensor);
  }
  flush() {
    return this.kept.map(({ data }) => [data[0], data.every((value) => value === data[0])]);
  }
}

function slabsOfThisProcess() {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /#\d+ \(deleted\)$/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

const nodes = [new Fill(), new Pass(), new Pass(), new Keep()];
for await (const values of new Pipeline(nodes).stream(Array(150).keys()))
  console.log(JSON.stringify({ values, slabs }));
