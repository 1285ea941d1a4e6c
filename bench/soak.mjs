// A soak: small items and arrays of 32 KiB to 64 MiB through three Python hosts, for as long as that takes; what every process
// holds is noted after each part. Not one of `npm run bench`: `node bench/soak.mjs [--items=N] [--gigabytes=N] [--parts=N] [--write]`.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Pipeline, startPythonHost } from 'remotemedia';
import { growth, held, slabsMiB } from './bulk/resources.mjs';

const { values: options } = parseArgs({
  options: {
    items: { type: 'string', default: '10000000' },
    gigabytes: { type: 'string', default: '200' },
    parts: { type: 'string', default: '20' },
    write: { type: 'boolean', default: false },
  },
});
const PARTS = Number(options.parts);
const ITEMS_PER_PART = Math.ceil(Number(options.items) / PARTS);
const KIBIBYTES_PER_PART = Math.ceil((Number(options.gigabytes) * 1e9) / 1024 / PARTS);
const [SMALLEST_KIB, LARGEST_KIB] = [32, 64 * 1024];
// What may be more than after the first part, which has to be long enough to have slabs of all sizes.
const [MAX_GROWTH_MIB, MAX_MORE_FILES, MAX_SLABS_MIB] = [48, 8, 160];
const file = join(import.meta.dirname, 'bulk', 'nodes.py');

const names = ['first', 'second', 'third'];
const hosts = await Promise.all(names.map((name) => startPythonHost({ name })));
const processes = [['program', process.pid], ...hosts.map((host, index) => [names[index], host.pid])];
const make = (classes) =>
  Promise.all(classes.map((name, index) => hosts[index].create({ file, class: name })));
const passing = await make(['Pass', 'Pass', 'Pass']);
const bulk = await make(['Sized', 'Touch', 'Check']);
const start = performance.now();
const samples = [];
const total = { items: 0, arrays: 0, kibibytes: 0 };
for (let part = 1; part <= PARTS; part++) {
  await smallItems();
  await arrays();
  samples.push(sample());
  const { minutes, rows } = samples.at(-1);
  console.error(`part ${part} of ${PARTS}, ${minutes.toFixed(1)} min: ${JSON.stringify(rows)}`);
}
const text = page();
process.stdout.write(text);
if (options.write) writeFileSync(join(import.meta.dirname, 'SOAK.md'), text);
process.exit(failures().length === 0 ? 0 : 1);

async function smallItems() {
  function* numbers() {
    for (let number = 0; number < ITEMS_PER_PART; number++) yield number;
  }
  let count = 0;
  for await (const number of new Pipeline(passing).stream(numbers())) {
    if (number !== count++) throw new Error(`item ${count - 1} came out as ${number}`);
  }
  if (count !== ITEMS_PER_PART) throw new Error(`${count} of ${ITEMS_PER_PART} items came out`);
  total.items += count;
}

async function arrays() {
  const sizes = [];
  for (let sum = 0; sum < KIBIBYTES_PER_PART; sum += sizes.at(-1)) sizes.push(nextSize());
  let count = 0;
  const orders = sizes.map((kibibytes, number) => [number, kibibytes]);
  for await (const [number, kibibytes] of new Pipeline(bulk).stream(orders)) {
    if (number !== count || kibibytes !== sizes[count])
      throw new Error(`array ${count} of ${sizes[count]} KiB came out as ${number} of ${kibibytes} KiB`);
    count++;
    total.kibibytes += kibibytes;
  }
  if (count !== sizes.length) throw new Error(`${count} of ${sizes.length} arrays came out`);
  total.arrays += count;
}

/** As many of each doubling as of any other; the same ones in every soak. */
function nextSize() {
  nextSize.seed = (Math.imul(nextSize.seed ?? 1, 1664525) + 1013904223) >>> 0;
  return Math.round(SMALLEST_KIB * (LARGEST_KIB / SMALLEST_KIB) ** (nextSize.seed / 2 ** 32));
}

function sample() {
  return {
    minutes: (performance.now() - start) / 60_000,
    ...total,
    slabsMiB: slabsMiB(processes.map(([, pid]) => pid)),
    rows: Object.fromEntries(processes.map(([name, pid]) => [name, held(pid)])),
  };
}

/** What is not flat, in words. */
function failures() {
  const found = [];
  for (const [name] of processes) {
    const grown = growth(samples.map(({ rows }) => rows[name].ownMiB));
    if (grown > MAX_GROWTH_MIB) found.push(`the memory of ${name} grew by ${grown.toFixed(0)} MiB`);
    const files = growth(samples.map(({ rows }) => rows[name].openFiles));
    if (files > MAX_MORE_FILES) found.push(`${name} had ${files} more files open`);
  }
  const most = growth(samples.map((sample) => sample.slabsMiB));
  if (most > MAX_SLABS_MIB) found.push(`the slabs grew by ${most.toFixed(0)} MiB`);
  return found;
}

function page() {
  const last = samples.at(-1);
  const gigabytes = ((total.kibibytes * 1024) / 1e9).toFixed(1);
  const count = (value) => value.toLocaleString('en');
  const header = [
    'min',
    'items',
    'GB',
    ...processes.flatMap(([name]) => [`${name}: MiB`, 'files']),
    'slabs: MiB',
  ];
  const rows = samples.map(({ minutes, items, kibibytes, slabsMiB: slabs, rows }) => [
    minutes.toFixed(1),
    count(items),
    ((kibibytes * 1024) / 1e9).toFixed(1),
    ...processes.flatMap(([name]) => [rows[name].ownMiB.toFixed(0), rows[name].openFiles]),
    slabs.toFixed(0),
  ]);
  const table = [header, header.map(() => '--:'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  const found = failures();
  return `# Soak

Written by \`node bench/soak.mjs --write\` on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node.js ${process.versions.node}: in ${last.minutes.toFixed(0)} minutes
${count(total.items)} small items and ${count(total.arrays)} arrays of 32 KiB to 64 MiB, ${gigabytes} GB, went from a TypeScript program through three Python hosts and were
checked at their end. Every second array is made with \`ctx.allocate\`; the second host changes each one in place and passes it on.

MiB is a process's resident set without shared memory, files are its open descriptors, slabs is the shared memory of all four.
Flat means, from the first part on: at most ${MAX_GROWTH_MIB} MiB and ${MAX_MORE_FILES} files more in each process, ${MAX_SLABS_MIB} MiB more slabs.

**${found.length === 0 ? 'All of it stayed flat' : `Not flat: ${found.join('; ')}`}.**

${table}
`;
}
