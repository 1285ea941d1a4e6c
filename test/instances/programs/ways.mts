// Run by tsx, by Node.js once types are stripped, and by esbuild as one file.
import { basename } from 'node:path';
import { executePipelineWithInput, Node, type Executor } from 'remotemedia';
import { Shout } from './nodes.mjs';

class Named extends Node<string, string> {
  private readonly count = { value: 0 };
  private readonly label = (text: string): string =>
    `${basename('/a/item')} ${String(++this.count.value)}: ${text}`;

  process(text: string): string {
    return `${this.label(text)} ${String(process.pid === here)}`;
  }
}

const here = process.pid;
for (const executor of ['worker', 'process'] satisfies Executor[]) {
  const nodes = [new Named({ executor }), new Shout('!', { executor })];
  console.log(JSON.stringify(await executePipelineWithInput(nodes, ['a', 'b'])));
}
