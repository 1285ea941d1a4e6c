import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
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

it('counts an error outside any test as a failure', () => {
  expect(totalsOfVitest(JSON.stringify({ ...VITEST, success: false })).failed).toBe(1);
});

it('reads the counts of pytest, errors as failures', () => {
  const xml = '<testsuites name="t"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10">';
  expect(totalsOfPytest(xml)).toEqual({ passed: 4, failed: 3, skipped: 3 });
});

it('counts a suite that left no result as a failure', () => {
  const folder = mkdtempSync(join(tmpdir(), 'test-totals-'));
  try {
    const lines: string[] = [];
    expect(readTotals(folder, (line) => lines.push(line))).toEqual({ passed: 0, failed: 2, skipped: 0 });
    expect(lines.map((line) => /\w+\.(json|xml)/.exec(line)?.[0])).toEqual(['vitest.json', 'pytest.xml']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('leaves out what was not skipped', () => {
  expect(formatTotals({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
  expect(formatTotals({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
});
