// A million random interruptions of live sessions: of nodes of this program, of a Python program's, and over a worker, a Python host and a process.
// Not one of `npm run bench`: `node --expose-gc bench/interruption-soak.mjs [--count=N] [--over-hosts=N] [--write]`.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { perSession, Pipeline, startPythonHost } from 'remotemedia';
import { venvPython } from '../scripts/setup-python.mjs';
import { held } from './bulk/resources.mjs';
import { Direct, Giving, Through, Waiting } from './interruptions/nodes.mjs';
import { randomOf } from './measure.mjs';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    'over-hosts': { type: 'string', default: '100000' },
    write: { type: 'boolean', default: false },
  },
});
const FOLDER = join(import.meta.dirname, 'interruptions');
// How many interruptions a session has.
const EACH = 1000;
const MAX_GROWTH_MIB = 32;

const random = randomOf(1);
const complaints = [];
process.on('unhandledRejection', (reason) => complaints.push(`unhandled rejection: ${String(reason)}`));
process.on('warning', (warning) => complaints.push(`warning: ${warning.message}`));

const python = await startPythonHost();
const results = {
  'nodes of a TypeScript program': await soak(Number(options.count), ownNodes),
  'nodes of a Python program': await pythonSoak(Number(options.count)),
  'a worker, a Python host and a process': await soak(Number(options['over-hosts']), nodesOfHosts),
};
await python.close();
const problems = Object.entries(results).flatMap(problemsOf);
const written = page();
process.stdout.write(written);
if (options.write) writeFileSync(join(import.meta.dirname, 'INTERRUPTIONS.md'), written);
process.exit(problems.length === 0 ? 0 : 1);

function ownNodes() {
  return Pipeline.from(new Direct())
    .pipe(new Waiting())
    .pipe(perSession(() => new Through()))
    .pipe(new Giving())
    .pipe(new Direct());
}

async function nodesOfHosts() {
  const node = await python.create({ file: join(FOLDER, 'nodes.py'), class: 'Waiting' });
  return Pipeline.from(new Waiting({ executor: 'worker' }))
    .pipe(node)
    .pipe(new Giving({ executor: 'process' }))
    .pipe(new Direct());
}

/** Sessions of a pipeline, one after the other, until they were interrupted so often. */
async function soak(count, pipelineOf) {
  const counts = { written: 0, out: 0, interrupted: 0, lost: 0, doubled: 0, 'stale outputs': 0 };
  const samples = [];
  const pipeline = await pipelineOf();
  for (let done = 0; done < count; done += EACH) {
    const record = { survivors: [], before: -1, seen: new Map() };
    const session = await pipeline.open();
    await Promise.all([write(session, record), read(session, record, counts)]);
    await session.done;
    account(record, counts);
    if ((done + EACH) % (count / 10) !== 0) continue;
    globalThis.gc?.();
    const { ownMiB, openFiles } = held(process.pid);
    samples.push({ interruptions: done + EACH, MiB: ownMiB, files: openFiles });
    console.error(JSON.stringify(samples.at(-1)));
  }
  return { counts: { interruptions: count, ...counts }, samples, complaints: complaints.splice(0) };
}

async function write(session, record) {
  const put = (survives, turns) => {
    record.survivors.push(survives);
    return session.write({ id: record.survivors.length - 1, survives, turns }, { survives });
  };
  for (let interruption = 0; interruption < EACH; interruption++) {
    for (let left = Math.floor(random() * 4); left > 0; left--)
      await put(random() < 0.1, Math.floor(random() * 3));
    for (let turns = Math.floor(random() * 3); turns > 0; turns--) await setImmediate();
    record.before = record.survivors.length - 1;
    session.interrupt();
  }
  for (let left = 0; left < 5; left++) await put(false, 1);
  session.end();
}

async function read(session, record, counts) {
  for await (const { id, survives } of session) {
    record.seen.set(id, (record.seen.get(id) ?? 0) + 1);
    if (id <= record.before && !survives) counts['stale outputs']++;
  }
}

function account({ survivors, before, seen }, counts) {
  counts.written += survivors.length;
  for (const [id, survives] of survivors.entries()) {
    const times = seen.get(id) ?? 0;
    if (times > 0) counts.out++;
    else counts.interrupted++;
    if (times > 1) counts.doubled++;
    if (times === 0 && (survives || id > before)) counts.lost++;
  }
}

async function pythonSoak(count) {
  const child = spawn(venvPython(), ['-X', 'dev', join(FOLDER, 'soak.py'), String(count)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stderr.pipe(process.stderr, { end: false });
  const [output, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const { counts, ...result } = JSON.parse(output);
  const unexpected = said.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  return { ...result, counts, complaints: [...result.complaints, ...unexpected] };
}

function problemsOf([name, { counts, samples, complaints: told }]) {
  const found = told.map((complaint) => `${name}: ${complaint}`);
  for (const kind of ['lost', 'doubled', 'stale outputs'])
    if ((counts[kind] ?? 0) > 0) found.push(`${name}: ${counts[kind]} ${kind}`);
  const grown = samples.at(-1).MiB - samples[1].MiB;
  if (grown > MAX_GROWTH_MIB) found.push(`${name}: ${grown.toFixed(0)} MiB more`);
  return found;
}

function page() {
  const names = Object.keys(results);
  const kinds = ['interruptions', 'written', 'out', 'interrupted', 'lost', 'doubled', 'stale outputs'];
  const row = (name, cells) => `| ${name} | ${cells.join(' | ')} |`;
  const perResult = (of) => names.map((name) => of(results[name]));
  const held = (at) =>
    perResult(({ samples }) => `${samples.at(at).MiB.toFixed(0)} MiB, ${samples.at(at).files} files`);
  return `# A million interruptions

Written by \`node --expose-gc bench/interruption-soak.mjs --write\` on ${cpus().length} × ${cpus()[0].model}, Node.js ${process.versions.node}: live sessions with ${EACH} interruptions each, at random
moments of sync nodes, async ones, generators and a streaming node. One item in ten survives.

**${problems.length === 0 ? 'Nothing that counts is lost, nothing stale comes out, nobody complains, and what the programs hold stays flat.' : problems.join('; ')}**

${row('', names)}
${row(
  '---',
  names.map(() => '--:'),
)}
${kinds
  .map((kind) =>
    row(
      kind,
      perResult(({ counts }) => (counts[kind] ?? 0).toLocaleString('en-US')),
    ),
  )
  .join('\n')}
${row(
  'unhandled rejections, warnings',
  perResult(({ complaints: told }) => told.length),
)}
${row('held after two tenths', held(1))}
${row('held at the end', held(-1))}
`;
}
