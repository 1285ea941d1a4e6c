// Encode and decode of live values, beside cloudpickle, v8.serialize, seroval and structuredClone, in turns.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deserialize as v8Deserialize, serialize as v8Serialize } from 'node:v8';
import { deserialize, serialize } from 'remotemedia/serialization';
import { deserialize as serovalDeserialize, serialize as serovalSerialize } from 'seroval';
import { venvPython } from '../scripts/setup-python.mjs';
import { interleave, median, report, timed } from './measure.mjs';
import { Point, Small } from './serialization-classes.mjs';

const ROUNDS = 15;

function withClosures() {
  const node = new Small();
  let count = 0;
  const factor = 3;
  node.scale = (value) => {
    count += 1;
    return value * factor;
  };
  node.total = () => count;
  return node;
}

const plain = (index) => ({ id: index, name: `item ${index}`, score: index / 3, active: index % 2 === 0 });
const plains = Array.from({ length: 10_000 }, (_, index) => plain(index));
const instances = Array.from({ length: 10_000 }, (_, index) => new Point(index));
const samples = (megabytes) => ({ samples: new Float32Array((megabytes * 1024 * 1024) / 4) });

/** Round trips in milliseconds, the median of some. */
const ours = (value, times) => async () => {
  const durations = [];
  for (let left = times; left > 0; left--)
    durations.push(
      await timed(async () => {
        const buffers = [];
        const bytes = await serialize(value, { buffers });
        await deserialize(bytes, { buffers });
      }),
    );
  return median(durations);
};
const sync = (run, times) => async () => {
  const durations = [];
  for (let left = times; left > 0; left--) durations.push(await timed(run));
  return median(durations);
};

const peer = spawn(venvPython(), [join(import.meta.dirname, 'serialization_peer.py')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: peer.stdout });
/** Encode plus decode, as the medians of each. */
const cloudpickle = (name) => async () => {
  peer.stdin.write(`${name}\n`);
  const [line] = await once(answers, 'line');
  const [encode, decode] = JSON.parse(line);
  return encode + decode;
};

const v8RoundTrip = (value) => () => v8Deserialize(v8Serialize(value));
const clone = (value) => () => structuredClone(value);
const seroval = (value) => () => serovalDeserialize(serovalSerialize(value));

const small = new Small();
const smallData = { ...small };
const closures = withClosures();
const tenMegabytes = samples(10);
const ninetyMegabytes = samples(90);

const medians = {
  small: await interleave(
    {
      ours: ours(small, 300),
      cloudpickle: cloudpickle('small'),
      v8: sync(v8RoundTrip(smallData), 300),
      seroval: sync(seroval(smallData), 300),
      structuredClone: sync(clone(smallData), 300),
    },
    ROUNDS,
  ),
  closures: await interleave({ ours: ours(closures, 200), cloudpickle: cloudpickle('closures') }, ROUNDS),
  plain: await interleave(
    {
      ours: ours(plains, 5),
      cloudpickle: cloudpickle('plain'),
      v8: sync(v8RoundTrip(plains), 5),
      seroval: sync(seroval(plains), 1),
      structuredClone: sync(clone(plains), 5),
    },
    ROUNDS,
  ),
  instances: await interleave(
    { ours: ours(instances, 5), cloudpickle: cloudpickle('instances'), v8: sync(v8RoundTrip(instances), 5) },
    ROUNDS,
  ),
  tenMegabytes: await interleave({ ours: ours(tenMegabytes, 20), cloudpickle: cloudpickle('10MB') }, 5),
  ninetyMegabytes: await interleave({ ours: ours(ninetyMegabytes, 20), cloudpickle: cloudpickle('90MB') }, 5),
};
peer.stdin.end();

const unit = 'ms, encode and decode';
function compare(figure, { ours: own, ...peers }, mustBeat, factor) {
  for (const [peerName, value] of Object.entries(peers)) {
    const isLimit = peerName === mustBeat;
    report({
      figure,
      ours: own,
      peer: value,
      peerName: peerName === 'v8' ? 'v8.serialize' : peerName,
      unit,
      limit: isLimit ? `≤ ${factor} ×` : '',
      isMet: !isLimit || own <= factor * value,
    });
  }
}
compare('small node', medians.small, 'cloudpickle', 2);
compare('small node with 2 closures', medians.closures, 'cloudpickle', 4);
compare('10,000 plain objects', medians.plain, 'v8', 1);
compare('10,000 class instances', medians.instances, 'cloudpickle', 0.7);
for (const [name, { ours: own, cloudpickle: beside }] of [
  ['10 MB typed array out of band', medians.tenMegabytes],
  ['90 MB typed array out of band', medians.ninetyMegabytes],
])
  report({
    figure: name,
    ours: own,
    peer: beside,
    peerName: 'cloudpickle',
    unit,
    limit: '≤ 1 ms',
    isMet: own <= 1,
  });

/** The first call in a program of 650 modules, and what an `await` costs before and after it: in a process of its own each time. */
function firstSerialize() {
  const folder = mkdtempSync(join(tmpdir(), 'remotemedia-bench-'));
  try {
    const modules = Array.from({ length: 650 }, (_, index) => `m${index}`);
    for (const name of modules)
      writeFileSync(
        join(folder, `${name}.mjs`),
        `export class C_${name} { x = 1; m() { return this.x; } }\nexport const f = (x) => x + 1; f(1);\n`,
      );
    const main = `
${modules.map((name) => `import { C_${name} } from './${name}.mjs';`).join('\n')}
const { serialize } = await import(${JSON.stringify(import.meta.resolve('remotemedia/serialization'))});
const spin = async () => {
  const rounds = [];
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    for (let i = 0; i < 50_000; i++) await null;
    rounds.push(performance.now() - start);
  }
  return rounds.sort((a, b) => a - b)[4];
};
await spin();
const before = await spin();
const start = performance.now();
await serialize(new C_m400());
const first = performance.now() - start;
console.log(JSON.stringify({ first, slowdown: (await spin()) / before }));`;
    writeFileSync(join(folder, 'main.mjs'), main);
    const runs = Array.from({ length: 5 }, () =>
      JSON.parse(spawnSync(process.execPath, [join(folder, 'main.mjs')], { encoding: 'utf8' }).stdout),
    );
    return {
      first: median(runs.map(({ first }) => first)),
      slowdown: median(runs.map(({ slowdown }) => slowdown)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const { first, slowdown } = firstSerialize();
report({
  figure: 'first serialize among 650 modules',
  ours: first,
  unit: 'ms',
  limit: '≤ 150 ms',
  isMet: first <= 150,
});
report({
  figure: '… and an await after it',
  ours: slowdown,
  unit: '× of before',
  limit: '≤ 1.2 ×',
  isMet: slowdown <= 1.2,
});
