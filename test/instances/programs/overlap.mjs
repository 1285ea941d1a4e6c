// Sync nodes in two processes: the first computes for some items, and waits with its last one for what the second makes of its first.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Node, Pipeline } from 'remotemedia';

class Compute extends Node {
  constructor(file) {
    super({ executor: 'process' });
    this.file = file;
  }
  process(index) {
    const until = Date.now() + 15;
    while (Date.now() < until);
    const deadline = Date.now() + 20_000;
    while (index === 9 && !existsSync(this.file))
      if (Date.now() > deadline) throw new Error('the first output has not gone out');
    return index;
  }
}

class Note extends Node {
  constructor(file) {
    super({ executor: 'process' });
    this.file = file;
  }
  process(index) {
    if (index === 0) writeFileSync(this.file, '');
    return index;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'remotemedia-overlap-'));
const file = join(folder, 'first');
try {
  const outputs = await new Pipeline([new Compute(file), new Note(file)]).run([...Array(10).keys()]);
  console.log(JSON.stringify(outputs));
} finally {
  rmSync(folder, { recursive: true });
}
