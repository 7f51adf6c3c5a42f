import { relative, sep } from 'node:path';

/** What this project reads of the report that Jest writes for `--json`. */
export interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numTotalTests: number;
  readonly wasInterrupted: boolean;
  readonly testResults: readonly JestFileReport[];
}

export interface JestFileReport {
  /** Absolute path. */
  readonly name: string;
  readonly status: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly assertionResults: readonly { readonly status: string }[];
}

export interface JestRun {
  /** `undefined` when Jest wrote no report. */
  readonly report: JestReport | undefined;
  /** Whether Jest ended with exit code 0. */
  readonly exitedWell: boolean;
  /** Whether tests may be left out, as when only some were asked for. */
  readonly allowSkipped: boolean;
}

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  /** Failures that are not tests. */
  readonly reasons: readonly string[];
}

/**
 * Counts the tests of a run so that every problem counts as a failure.
 *
 * A spec file that fails outside its tests is one failure. So are a missing report, a run without tests, an interrupted
 * run, and an exit code that the tests do not explain.
 */
export function countTests({ report, exitedWell, allowSkipped }: JestRun): TestCount {
  if (!report) return { passed: 0, failed: 1, reasons: ['Jest died before it could write its report'] };
  const reasons = report.testResults.filter(failedOutsideTests).map(({ name }) => `${name} failed outside its tests`);
  const skipped = report.numPendingTests + report.numTodoTests;
  if (skipped > 0 && !allowSkipped) reasons.push(`${skipped} tests were skipped`);
  if (report.numTotalTests === 0) reasons.push('no test was found');
  if (report.wasInterrupted) reasons.push('Jest was interrupted');
  if (!exitedWell && report.numFailedTests === 0 && reasons.length === 0) {
    reasons.push('Jest failed though its tests passed');
  }
  return { passed: report.numPassedTests, failed: report.numFailedTests + reasons.length, reasons };
}

function failedOutsideTests({ status, assertionResults }: JestFileReport): boolean {
  return status === 'failed' && !assertionResults.some((result) => result.status === 'failed');
}

export interface FileDuration {
  /** Relative to the folder, with forward slashes. */
  readonly file: string;
  readonly seconds: number;
}

/** Returns the spec files that took longest, the slowest first. The time to load a file counts. */
export function listSlowestFiles(
  report: JestReport,
  { folder, count }: { readonly folder: string; readonly count: number },
): FileDuration[] {
  return report.testResults
    .map(({ name, startTime, endTime }) => ({
      file: relative(folder, name).split(sep).join('/'),
      seconds: (endTime - startTime) / 1000,
    }))
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, count);
}
