// Two nodes, each of which lets its thread wait until the other one is there as well.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Node, PassThroughNode, Pipeline } from 'remotemedia';

class Meet extends Node {
  constructor(folder, own, other) {
    super({ executor: process.argv[2] });
    Object.assign(this, { folder, own, other });
  }

  process(item) {
    writeFileSync(join(this.folder, `${this.own}-${item}`), '');
    while (!existsSync(join(this.folder, `${this.other}-${item}`)));
    return `${this.own} met ${this.other}`;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'meet-'));
const [left, right] = [new Meet(folder, 'left', 'right'), new Meet(folder, 'right', 'left')];
const each = new PassThroughNode();
const outputs = await new Pipeline('meet')
  .connect(each, left)
  .connect(each, right)
  .run(['1', '2'])
  .catch((error) => error);
rmSync(folder, { recursive: true });
console.log(JSON.stringify(outputs instanceof Error ? outputs.message : outputs.sort()));
