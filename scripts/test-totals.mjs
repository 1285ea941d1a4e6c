// Adds up the results that vitest (JSON) and pytest (JUnit XML) have written. Run by itself it prints them.
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './setup-python.mjs';

/** Totals of both suites. One that has left no result did not run to its end, which counts as a failure. */
export function readTotals(folder = join(ROOT, '.cache', 'test-results'), report = print) {
  const suites = [
    readResult(join(folder, 'vitest.json'), totalsOfVitest, report),
    readResult(join(folder, 'pytest.xml'), totalsOfPytest, report),
  ];
  const sum = (key) => suites.reduce((total, suite) => total + suite[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/** The totals in one line, such as `12 passed, 0 failed, 1 skipped`. */
export function formatTotals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Reads vitest's JSON report. */
export function totalsOfVitest(json) {
  const report = JSON.parse(json);
  // A file that cannot be loaded, and an error outside any test, fail the run without a failed test.
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  const failed = report.numFailedTests + unloaded.length;
  return {
    passed: report.numPassedTests,
    failed: report.success ? failed : Math.max(failed, 1),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Reads the counts that pytest writes into the first `<testsuite>` of its JUnit report. */
export function totalsOfPytest(xml) {
  const suite = /<testsuite\b[^>]*>/.exec(xml)?.[0] ?? '';
  const count = (name) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(suite)?.[1]);
  const failed = count('failures') + count('errors');
  return { passed: count('tests') - failed - count('skipped'), failed, skipped: count('skipped') };
}

function readResult(file, totalsOf, report) {
  try {
    return totalsOf(readFileSync(file, 'utf8'));
  } catch (error) {
    report(`No result in ${file}: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function print(line) {
  process.stderr.write(`${line}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${formatTotals(readTotals())}\n`);
}
