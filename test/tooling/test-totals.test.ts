import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatTotals, readTotals, totalsOfPytest, totalsOfVitest } from '../../scripts/test-totals.mjs';

const VITEST = {
  success: true,
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 0,
  testResults: [],
};

it('reads the counts of vitest', () => {
  expect(totalsOfVitest(JSON.stringify(VITEST))).toEqual({ passed: 5, failed: 0, skipped: 1 });
});

it('counts a test file that cannot be loaded as a failure', () => {
  const report = { ...VITEST, success: false, testResults: [{ status: 'failed', assertionResults: [] }] };
  expect(totalsOfVitest(JSON.stringify(report)).failed).toBe(1);
});

it('reads the counts of pytest, errors as failures', () => {
  const xml = '<testsuites name="t"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10">';
  expect(totalsOfPytest(xml)).toEqual({ passed: 4, failed: 3, skipped: 3 });
});

describe('the results in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'test-totals-'));
  const lines: string[] = [];
  const read = () => readTotals(folder, (line) => lines.push(line));

  afterAll(() => rmSync(folder, { recursive: true }));

  it('count a suite that left none as a failure', () => {
    expect(read()).toEqual({ passed: 0, failed: 2, skipped: 0 });
    const named = lines.filter((line) => line.startsWith('No result'));
    expect(named.map((line) => /\w+\.(json|xml)/.exec(line)?.[0])).toEqual(['vitest.json', 'pytest.xml']);
  });

  it('count an error outside any test as a failure, and show the end of what was printed', () => {
    writeFileSync(join(folder, 'vitest.json'), JSON.stringify(VITEST));
    writeFileSync(join(folder, 'vitest.code'), '1');
    writeFileSync(join(folder, 'vitest.log'), 'all is well\nUnhandled error: oh\n');
    writeFileSync(join(folder, 'pytest.xml'), '<testsuite errors="0" failures="0" skipped="0" tests="4">');
    writeFileSync(join(folder, 'pytest.code'), '0');
    lines.length = 0;
    expect(read()).toEqual({ passed: 9, failed: 1, skipped: 1 });
    expect(lines).toEqual(['vitest ended with 1:\nall is well\nUnhandled error: oh']);
  });

  it('name the tests that failed, with the beginnings of their errors', () => {
    const failed = {
      fullName: 'a node fails',
      status: 'failed',
      failureMessages: ['Error: expected 1\n  one\n  two\n  three\n  four\n  five'],
    };
    const file = { name: resolve('src/a.test.ts'), status: 'failed', assertionResults: [failed] };
    const report = { ...VITEST, success: false, numFailedTests: 1, testResults: [file] };
    writeFileSync(join(folder, 'vitest.json'), JSON.stringify(report));
    lines.length = 0;
    expect(read().failed).toBe(1);
    const where = join('src', 'a.test.ts');
    expect(lines).toEqual([
      `vitest ended with 1:\n${where}: a node fails\n  Error: expected 1\n    one\n    two\n    three\n    four`,
    ]);
  });
});

it('leaves out what was not skipped', () => {
  expect(formatTotals({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
  expect(formatTotals({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
});
