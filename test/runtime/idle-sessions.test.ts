import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/idle-sessions.mjs', import.meta.url));

test('an open session of five nodes that nothing is written to takes at most 20 KiB', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM]);
  const bytes = Number(stdout);
  // Where something is measured at all.
  expect(bytes).toBeGreaterThan(1024);
  expect(bytes).toBeLessThan(20 * 1024);
});
