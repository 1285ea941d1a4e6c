// Runs the benchmarks, each in a process of its own, and prints one table. `npm run bench -- NAME…` runs some, `--write` puts the table into bench/RESULTS.md.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

const ALL = [
  'in-process',
  'memory',
  'import-time',
  'python-round-trip',
  'python-throughput',
  'python-driver',
  'python-serialization',
  'serialization',
  'instances',
  'worker-round-trip',
  'script-end',
  'bulk',
  'frames',
  'sessions',
  'live-sessions',
  'replicas',
  'watching',
  'restart',
];
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = wanted.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${ALL.join(', ')}.`);
  process.exit(2);
}

const figures = [];
let hasFailed = false;
for (const name of wanted.length > 0 ? wanted : ALL) {
  console.error(`${name} …`);
  const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.mjs`)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) {
    console.error(`${name} ended with exit code ${status}.`);
    hasFailed = true;
  }
  figures.push(
    ...stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
}

const number = (value) =>
  value === undefined
    ? ''
    : value >= 100
      ? value.toFixed(0)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(4);
const ratio = ({ ours, peer }) => (ours === undefined || peer === undefined ? '' : (ours / peer).toFixed(2));
const rows = figures.map((figure) =>
  [
    figure.figure,
    number(figure.ours),
    figure.unit,
    figure.peerName ?? '',
    number(figure.peer),
    ratio(figure),
    figure.limit,
    // A peer that is not there tells nothing.
    figure.isMet === undefined ? '–' : figure.isMet ? 'yes' : 'NO',
  ].join(' | '),
);
const table = [
  'figure | ours | unit | beside | peer | ratio | must reach | reached',
  '---|---|---|---|---|---|---|---',
  ...rows,
]
  .map((row) => `| ${row} |`)
  .join('\n');
console.log(table);
if (process.argv.includes('--write')) {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.versions.node}`;
  writeFileSync(
    join(import.meta.dirname, 'RESULTS.md'),
    `# Results\n\nMedians of interleaved rounds, written by \`npm run bench -- --write\` on ${machine}. Absolute figures drift from run to run and from machine to\nmachine: the ratios are what counts.\n\n${table}\n`,
  );
}
process.exit(hasFailed ? 1 : 0);
