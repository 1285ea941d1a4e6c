// A soak with faults: live sessions over a worker, a process and a Python host, one after the other, while nodes fail, hang and block, hosts are
// killed, sessions are interrupted and their readers are slow. Every item that was written is accounted for.
// Not one of `npm run bench`: `node bench/fault-soak.mjs [--minutes=N] [--seed=N] [--write]`.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isRemoteMediaError, Pipeline, startPythonHost } from 'remotemedia';
import { held } from './bulk/resources.mjs';
import { median, randomOf } from './measure.mjs';
import { Flaky, Fragile, FragileThread, Slow } from './faults/nodes.mjs';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});
const MINUTES = Number(options.minutes);
const ITEMS = 3000;
const FILE = join(import.meta.dirname, 'faults', 'nodes.py');
// What the program may hold more in the last third of the time than in the first, at the median: hosts come and go.
const [MAX_GROWTH_MIB, MAX_MORE_FILES] = [32, 12];

const random = randomOf(Number(options.seed));
const counts = {
  sessions: 0,
  written: 0,
  out: 0,
  'dead letters': 0,
  dropped: 0,
  interrupted: 0,
  'lost with a host, as its session says': 0,
  unaccounted: 0,
  doubled: 0,
  'otherwise in the account of its session': 0,
};
const faults = { interruptions: 0, 'hosts killed': 0, 'slow readers': 0, 'nodes that block': 0 };
const samples = [];
let python = await startPythonHost();

const start = performance.now();
const minutes = () => (performance.now() - start) / 60_000;
while (minutes() < MINUTES) {
  await oneSession();
  if (minutes() >= (samples.length * MINUTES) / 10) sample();
}
sample();
await python.close();
const text = page();
process.stdout.write(text);
if (options.write) writeFileSync(join(import.meta.dirname, 'FAULTS.md'), text);
process.exit(problems().length === 0 ? 0 : 1);

async function oneSession() {
  // One kind of loss at a time, so that each can be told from the others.
  const kind = ['interruptions', 'drops', 'death', 'none'][Math.floor(random() * 4)];
  const victim = kind === 'death' ? ['worker', 'process', 'python'][Math.floor(random() * 3)] : undefined;
  const pipeline = await pipelineOf(kind);
  const session = await pipeline.open({ enableMetrics: true, accounting: true, onDeadLetter: () => {} });
  const record = { written: 0, out: new Set(), letters: new Set(), doubled: 0, before: -1 };
  const letters = readLetters(session, record);
  const reading = readOutputs(session, record);
  const failure = await write(session, record, { kind, victim });
  session.end();
  const ending =
    (await session.done.then(
      () => undefined,
      (error) => error,
    )) ?? failure;
  await reading;
  await letters;
  if (ending !== undefined && !(isRemoteMediaError(ending) && ending.code === 'RM_HOST_DIED')) throw ending;
  if (victim !== undefined && ending === undefined) throw new Error(`the death of ${victim} was not told`);
  if (victim === 'python') python = await startPythonHost();
  count(record, session, ending);
  compare(record, session.account(), ending);
}

async function pipelineOf(kind) {
  const policy = { failurePolicy: { onError: 'skip', timeoutMs: 50 } };
  const node = await python.create({ file: FILE, class: 'Fragile' });
  return Pipeline.from(new Flaky({ ...policy, concurrency: 8, unordered: random() < 0.5 }))
    .pipe(new FragileThread({ name: 'worker', executor: 'worker' }))
    .pipe(node)
    .pipe(new Fragile({ name: 'process', executor: 'process' }))
    .pipe(new Slow(kind === 'drops' ? { inputQueue: { maxItems: 8, whenFull: 'drop-oldest' } } : {}));
}

async function write(session, record, { kind, victim }) {
  const deathAt = victim === undefined ? -1 : Math.floor(random() * ITEMS);
  try {
    for (let id = 0; id < ITEMS; id++) {
      record.written = id + 1;
      const blocks = random() < 0.002;
      if (blocks) faults['nodes that block']++;
      // A refused item would not come to the node that is to die.
      const dies = id >= deathAt && deathAt >= 0 && id % 50 !== 7 && id % 211 !== 0;
      if (dies && id - deathAt < 4 && record.killed !== true) {
        record.killed = true;
        faults['hosts killed']++;
      }
      await session.write({ id, ...(dies ? { dies: victim } : {}), ...(blocks ? { blocks } : {}) });
      if (kind === 'interruptions' && random() < 0.005) {
        record.before = id;
        faults.interruptions++;
        session.interrupt();
      }
    }
  } catch (error) {
    if (isRemoteMediaError(error) && error.code === 'RM_SESSION_ENDED') return error.cause;
    throw error;
  }
  return undefined;
}

async function readOutputs(session, record) {
  const isSlow = random() < 0.3;
  if (isSlow) faults['slow readers']++;
  try {
    for await (const { id } of session) {
      if (record.out.has(id)) record.doubled++;
      record.out.add(id);
      if (isSlow && id % 200 === 0) await sleep(20);
    }
  } catch (error) {
    if (!isRemoteMediaError(error)) throw error;
  }
}

async function readLetters(session, record) {
  for await (const { item } of session.deadLetters) record.letters.add(item.id);
}

function count({ written, out, letters, doubled, before }, session, ending) {
  const dropped = session.metrics().nodeMetrics.reduce((sum, { itemsDropped = 0 }) => sum + itemsDropped, 0);
  let [interrupted, missing] = [0, 0];
  for (let id = 0; id < written; id++) {
    if (out.has(id) || letters.has(id)) continue;
    if (id <= before) interrupted++;
    else missing++;
  }
  counts.sessions++;
  counts.written += written;
  counts.out += out.size;
  counts['dead letters'] += letters.size;
  counts.interrupted += interrupted;
  counts.doubled += doubled;
  if (ending !== undefined) counts['lost with a host, as its session says'] += missing;
  else {
    counts.dropped += dropped;
    counts.unaccounted += Math.abs(missing - dropped);
  }
}

/** What the session says of each item has to be what was seen of it here. */
function compare({ out, letters, before }, account, ending) {
  for (let id = 0; id < account.inputs; id++) {
    const { fate, outputs, losses } = account.of(id);
    const reasons = losses.map(({ reason }) => reason);
    const may = ending !== undefined ? ['lost', 'failed'] : id <= before ? ['interrupted'] : ['dropped'];
    // A call may be interrupted in the very turn in which its item was given up.
    const isLost = letters.has(id)
      ? reasons.includes('dead-letter')
      : reasons.every((each) => may.includes(each));
    const isRight = out.has(id) ? fate === 'answered' && outputs === 1 : fate === 'lost' && isLost;
    if (isRight) continue;
    counts['otherwise in the account of its session']++;
    console.error(id, JSON.stringify({ fate, outputs, losses }), {
      read: out.has(id),
      refused: letters.has(id),
      before,
    });
  }
}

function sample() {
  globalThis.gc?.();
  const { ownMiB, openFiles: files } = held(process.pid);
  samples.push({ minutes: minutes(), mebibytes: Math.round(ownMiB), files, ...counts });
  console.error(JSON.stringify(samples.at(-1)));
}

function problems() {
  const found = [];
  if (counts.unaccounted > 0) found.push(`${counts.unaccounted} items are unaccounted for`);
  const otherwise = counts['otherwise in the account of its session'];
  if (otherwise > 0) found.push(`${otherwise} items are otherwise in the account of their session`);
  if (counts.doubled > 0) found.push(`${counts.doubled} items came twice`);
  const third = Math.floor((samples.length - 1) / 3);
  const [early, late] = [samples.slice(1, 1 + third), samples.slice(-third)];
  for (const [key, limit] of [
    ['mebibytes', MAX_GROWTH_MIB],
    ['files', MAX_MORE_FILES],
  ]) {
    const [before, after] = [early, late].map((part) => median(part.map((each) => each[key])));
    if (after - before > limit) found.push(`${key}: ${after} after ${before}`);
  }
  return found;
}

function page() {
  const rows = (record) =>
    Object.entries(record).map(([name, count]) => `| ${name} | ${count.toLocaleString('en-US')} |`);
  const found = problems();
  return `# Soak with faults

Written by \`node --expose-gc bench/fault-soak.mjs --write\` on ${cpus().length} × ${cpus()[0].model}, Node.js ${process.versions.node}: ${minutes().toFixed(0)} minutes of live sessions,
one after the other, each with ${ITEMS.toLocaleString('en-US')} items over a worker, a Python host and a process.

**${found.length === 0 ? 'Every item is accounted for, and what the program holds stayed flat.' : found.join('; ')}**

| items | |
| --- | --: |
${rows(counts).join('\n')}

| faults | |
| --- | --: |
${rows(faults).join('\n')}

Besides, one item in 50 is refused by a node and becomes a dead letter, and one in 211 takes longer than its time limit.

| min | sessions | written | MiB | files |
| --: | --: | --: | --: | --: |
${samples.map(({ minutes: at, sessions, written, mebibytes, files }) => `| ${at.toFixed(1)} | ${sessions} | ${written.toLocaleString('en-US')} | ${mebibytes} | ${files} |`).join('\n')}
`;
}
