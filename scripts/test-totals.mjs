// Adds up the results that vitest (JSON) and pytest (JUnit XML) have written. Run by itself it prints them.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ROOT } from './setup-python.mjs';

const LAST_LINES = 25;
const MESSAGE_LINES = 5;

/**
 * Totals of both suites. One that has left no result did not run to its end, and one that ended with another code
 * than 0 met an error outside any test: both count as a failure. `report` gets the tests that failed, or the last lines of
 * what was printed, at whose end pytest names them by itself.
 */
export function readTotals(folder = join(ROOT, '.cache', 'test-results'), report = print) {
  const suites = [
    readResult(join(folder, 'vitest'), '.json', totalsOfVitest, report),
    readResult(join(folder, 'pytest'), '.xml', totalsOfPytest, report),
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
  // A file that cannot be loaded fails the run without a failed test.
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

function readResult(path, kind, totalsOf, report) {
  const totals = readCounts(path + kind, totalsOf, report);
  const code = readText(`${path}.code`).trim();
  const failed = code === '0' ? totals.failed : Math.max(totals.failed, 1);
  if (failed > 0) {
    const told = (kind === '.json' && failuresOfVitest(`${path}${kind}`)) || lastLines(`${path}.log`);
    report(`${basename(path)} ended with ${code || 'no code'}:\n${told}`);
  }
  return { ...totals, failed };
}

function readCounts(file, totalsOf, report) {
  try {
    return totalsOf(readFileSync(file, 'utf8'));
  } catch (error) {
    report(`No result in ${file}: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Where each test that failed is, its name, and the beginning of its error. */
function failuresOfVitest(file) {
  if (!existsSync(file)) return '';
  return JSON.parse(readText(file))
    .testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => {
          const message = stripVTControlCharacters(failureMessages.join('\n')).split('\n');
          return [`${relative(ROOT, name)}: ${fullName}`, ...message.slice(0, MESSAGE_LINES)].join('\n  ');
        }),
    )
    .join('\n');
}

function lastLines(file) {
  return readText(file).trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${formatTotals(readTotals())}\n`);
}
