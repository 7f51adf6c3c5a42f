/**
 * Counts what Jest's `--json` report says, so that nothing that went wrong counts as nothing: a spec file that fails
 * outside its tests is one failure, and so are no report, no tests, a run that was cut off, and an exit code that the
 * tests do not explain.
 *
 * @param report - The parsed report; `undefined` when there is none.
 * @param allowSkipped - Whether tests may be left out, as when only some were asked for.
 * @returns `passed`, `failed` and the `reasons` for failures that are not tests.
 */
export function countTests({ report, exitedWell, allowSkipped }) {
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

function failedOutsideTests({ status, assertionResults }) {
  return status === 'failed' && !assertionResults.some((result) => result.status === 'failed');
}
