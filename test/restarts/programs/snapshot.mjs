// Live objects that end their worker or process once: what they are made of again, and what is left at the end.
import { configureHosts, Node, Pipeline } from 'remotemedia';

configureHosts({ maxIdle: 0 });

class Counting extends Node {
  constructor(executor, mark) {
    super({ executor, restart: 2 });
    this.mark = mark;
    this.count = 10;
  }
  async initialize() {
    const { existsSync, writeFileSync } = await import('node:fs');
    this.isSecond = existsSync(this.mark);
    writeFileSync(this.mark, '');
  }
  process(item) {
    if (item === 3 && !this.isSecond) process.exit(3);
    return [item, ++this.count];
  }
}

const [executor, mark] = process.argv.slice(2);
const node = new Counting(executor, mark);
const outputs = [];
for await (const output of Pipeline.from(node).stream([1, 2, 3, 4])) outputs.push(output);
console.log(JSON.stringify({ outputs, here: node.count }));
