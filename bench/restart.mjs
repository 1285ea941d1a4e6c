// A host is killed in a live session: how long until the next item has been processed, in the host that was started in its place.
import { join } from 'node:path';
import { Node, Pipeline } from 'remotemedia';
import { median, percentile, report } from './measure.mjs';
import { findOurs } from './python-driver/peers.mjs';
import { startWorker } from './python-driver/worker.mjs';

const KILLS = 20;

class Pid extends Node {
  process(item) {
    return { item, pid: process.pid };
  }
}

await crashes('TypeScript', Pipeline.from(new Pid({ executor: 'process', restart: KILLS })), 300);
await crashes('Python', new Pipeline([pythonEntry()]), 500);
const program = startWorker(findOurs(), { isPinned: false, folder: join(import.meta.dirname, 'restart') });
tell('a Python program', await program.ask('crashes', { kills: KILLS }), 500);
await program.end();

function pythonEntry() {
  const node_type = join(import.meta.dirname, 'restart/pids.py#Pid');
  return { node_type, executor: 'process', restart: KILLS };
}

async function crashes(language, pipeline, limitMs) {
  const session = await pipeline.open();
  const ms = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await session.write(2 * kill);
    const before = await outputOf(session, 2 * kill);
    const start = performance.now();
    process.kill(before.pid, 'SIGKILL');
    await session.write(2 * kill + 1);
    const after = await outputOf(session, 2 * kill + 1);
    // What was written to a process that was about to die may have been processed there.
    if (after.pid !== before.pid) ms.push(performance.now() - start);
  }
  await session.cancel();
  tell(language, ms, limitMs);
}

function tell(program, ms, limitMs) {
  for (const [name, value] of [
    ['p50', median(ms)],
    ['p99', percentile(ms, 99)],
  ]) {
    report({
      figure: `host crash to next item processed, ${program}, ${name} of ${ms.length}`,
      ours: value,
      unit: 'ms',
      limit: `≤ ${limitMs} ms`,
      isMet: value <= limitMs,
    });
  }
}

async function outputOf(session, item) {
  for (;;) {
    const { value } = await session.next();
    if (value.item === item) return value;
  }
}
