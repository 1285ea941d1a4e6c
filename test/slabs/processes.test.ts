import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HAS_KOFFI, HAS_SHARED_MEMORY, runProgram } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'slabs-'));
const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;

afterAll(() => {
  rmdirSync(folder);
});

describe.skipIf(!HAS_SHARED_MEMORY)('between processes', () => {
  const expected = Array.from({ length: 150 }, (_, value) => [value, true]);

  it('tensors that nodes pass on and keep are what they were', () => {
    const { values, slabs } = runProgram('processes.mjs') as { values: unknown; slabs: number };
    expect(values).toEqual(expected);
    expect(slabs).toBeGreaterThan(0);
  });

  it('go through sockets where shared memory is turned off', () => {
    expect(runProgram('processes.mjs', { REMOTEMEDIA_SHM_LIMIT: '0' })).toEqual({
      values: expected,
      slabs: 0,
    });
  });

  it('go through sockets while there is no room', () => {
    const outputs = [10, 65_536, 100_000, 4_194_304, 20];
    expect(runProgram('full.mjs', { REMOTEMEDIA_SHM_LIMIT: '100000' })).toEqual({ outputs });
  });

  it('the folder for them is empty all the time', () => {
    expect(runProgram('processes.mjs', { REMOTEMEDIA_SHM_DIR: folder })).toMatchObject({ values: expected });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a folder that was chosen and is not there is an error', () => {
    const environment = { REMOTEMEDIA_SHM_DIR: join(folder, 'missing') };
    expect(() => runProgram('processes.mjs', environment)).toThrow(
      /REMOTEMEDIA_SHM_DIR is .*missing.*ENOENT/s,
    );
  });
});

describe.skipIf(!HAS_SHARED_MEMORY)('a node that keeps more than the limit', () => {
  const LIMIT = { REMOTEMEDIA_SHM_LIMIT: String(32 * 2 ** 20) };

  it('is named by the error that ends the run', () => {
    const { failure, outputs } = runProgram('kept.mjs', { REMOTEMEDIA_SHM_LIMIT: String(24 * 2 ** 20) }) as {
      failure: { code: string; nodeId: string; message: string };
      outputs: number;
    };
    expect(failure).toMatchObject({ code: 'RM_MEMORY_KEPT', nodeId: 'keep_1' });
    expect(failure.message).toMatch(
      /^Node "keep_1" keeps \d+ arrays or buffers \(\d+ bytes\) that it has got/,
    );
    expect(outputs).toBeLessThan(200);
  });

  it('is the only one: nobody is charged for what is on its way, or garbage', () => {
    expect(runProgram('waits.mjs', { ...LIMIT, RUNS: 'slow garbage here' })).toEqual([240, 240, 240]);
  });

  it.each(['kept', 'behind'])('is named wherever it is: %s', (name) => {
    const keeps = { code: 'RM_MEMORY_KEPT', nodeId: 'keepall_2' };
    expect(runProgram('waits.mjs', { ...LIMIT, RUNS: name })).toMatchObject([keeps]);
  });

  it('has no more in later runs', () => {
    const [first, ...others] = runProgram('runs.mjs', {
      REMOTEMEDIA_SHM_LIMIT: String(24 * 2 ** 20),
    }) as boolean[];
    expect([first, others.at(-2), others.at(-1)]).toEqual([true, false, true]);
  });

  it('may keep what fits', () => {
    const limit = String(400 * 2 ** 20);
    expect(runProgram('kept.mjs', { REMOTEMEDIA_SHM_LIMIT: limit })).toEqual({ outputs: 200 });
  });
});

// It takes a mount of its own, which some containers do not allow.
describe.skipIf(!HAS_SHARED_MEMORY || !canMount)('a folder of 1 MiB', () => {
  it('is an error that says what is needed and what is there, and what came before is delivered', () => {
    const mount = `mount -t tmpfs -o size=1m none ${folder} && exec "$@"`;
    const { failure, outputs } = runProgram(
      'full.mjs',
      { REMOTEMEDIA_SHM_DIR: folder, REMOTEMEDIA_SHM_LIMIT: String(2 ** 26) },
      ['unshare', '-rm', 'sh', '-c', mount, 'sh'],
    ) as { failure: { code: string; message: string }; outputs: number[] };
    expect(outputs).toEqual([10, 65_536, 100_000]);
    expect(failure.code).toBe('RM_SHARED_MEMORY_FULL');
    expect(failure.message).toContain(
      `The folder ${folder} for shared memory is full: 4194304 bytes are needed`,
    );
  });
});

describe.skipIf(!HAS_SHARED_MEMORY || !HAS_KOFFI)('with koffi', () => {
  const numbers = Array.from({ length: 100 }, (_, value) => value);
  let result: Record<string, unknown>;

  it('a node that allocates and one that borrows see what was sent', () => {
    result = runProgram('mapped.mjs') as Record<string, unknown>;
    expect(result['firsts']).toEqual(numbers);
    expect(result['there']).toEqual(numbers.map((value) => [value, true, true]));
  });

  it('an allocated tensor is empty once its only consumer has it, and stays where there are several', () => {
    expect(result['left']).toEqual(numbers.map(() => 0));
    expect(result['shared']).toEqual([false, false, false, false, false, false]);
    expect(result['sharedLeft']).toEqual([0, 1, 2]);
  });

  it('what is borrowed stays until a promise has settled, and until the last output was taken', () => {
    const once = [0, false, true];
    expect(result['Borrow']).toEqual(numbers.slice(0, 5).map(() => once));
    expect(result['BorrowLater']).toEqual(numbers.slice(0, 5).map(() => once));
    expect(result['BorrowMany']).toEqual(numbers.slice(0, 10).map(() => once));
  });

  it('a tensor may stand in an item twice, but not go with two', () => {
    expect(result['twice']).toEqual([7, 7]);
    expect(result['again']).toContain('a Tensor whose memory was given away with an earlier item');
  });

  it.each(['array', 'part', 'bytes', 'buffer', 'audio', 'binary'])(
    'what was allocated goes with one item as %s, and is refused with the next',
    (name) => {
      expect(result[`again ${name}`]).toContain('whose memory was given away with an earlier item');
    },
  );

  it('a tensor that others here have as well is copied, and stays theirs', () => {
    const seen = [
      [2 ** 18, 1],
      [2 ** 18, 2],
    ];
    expect(result['branches']).toHaveLength(3);
    expect(result['branches']).toEqual(expect.arrayContaining([-1, -2, seen]));
  });

  it('a tensor that stays here, and a small one, is an ordinary one', () => {
    expect(result['local']).toBe(3);
    expect(result['small']).toEqual([0, 0, 0, 0]);
  });
});
