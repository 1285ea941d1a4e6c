// A CommonJS program: it imports the package, as Node.js 20 cannot require it.
const { basename } = require('node:path');

async function main() {
  const { executePipelineWithInput, Node } = await import('remotemedia');
  const { Shout } = await import('./nodes.mjs');
  class Named extends Node {
    count = { value: 0 };
    label = (text) => `${basename('/a/item')} ${String(++this.count.value)}: ${text}`;

    process(text) {
      return `${this.label(text)} ${String(process.pid === here)}`;
    }
  }
  const here = process.pid;
  for (const executor of ['worker', 'process']) {
    const nodes = [new Named({ executor }), new Shout('!', { executor })];
    console.log(JSON.stringify(await executePipelineWithInput(nodes, ['a', 'b'])));
  }
}

void main();
