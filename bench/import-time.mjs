// What `import 'remotemedia'` adds to an empty program.
import { spawnSync } from 'node:child_process';
import { interleave, report, timed } from './measure.mjs';

const run = (code) => () =>
  timed(() =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      stdio: 'inherit',
      cwd: import.meta.dirname,
    }),
  );
const medians = await interleave({ empty: run(''), ours: run("import 'remotemedia'") }, 21);
const added = medians.ours - medians.empty;
report({
  figure: "import 'remotemedia', over an empty program",
  ours: added,
  peer: medians.empty,
  peerName: 'the empty program itself',
  unit: 'ms',
  limit: '≤ 60 ms over',
  isMet: added <= 60,
});
