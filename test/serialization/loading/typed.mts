// Run by tsx, which keeps names by a helper, and by esbuild as one file.
import { basename } from 'node:path';
import { serialize } from 'remotemedia/serialization';
import { Node } from 'remotemedia';
import { Scale } from './shared.ts';

class Counting extends Node<number, number> {
  static made = 0;
  count = 0;
  readonly scale: Scale;
  onItem: (value: number) => string;
  constructor(factor: number) {
    super({ name: 'counting' });
    this.scale = new Scale(factor);
    const prefix = basename('/a/items');
    this.onItem = (value) => `${prefix} ${String(value)} of ${this.name ?? ''}`;
    Counting.made++;
  }
  override initialize(): void {
    this.count = 100;
  }
  override process(value: number): number {
    this.count++;
    return this.scale.apply(value);
  }
}

const node = new Counting(3);
const behave = (copy: Counting): unknown => {
  copy.initialize();
  return [
    copy.process(7),
    copy.count,
    copy.onItem(5),
    copy.constructor.name,
    (copy.constructor as typeof Counting).made,
    copy instanceof Node,
  ];
};
const payload = Buffer.from(await serialize({ value: node, behave })).toString('base64');
process.stdout.write(JSON.stringify({ typed: { payload, expected: behave(node) } }));
