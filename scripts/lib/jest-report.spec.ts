import { describe, expect, it } from '@jest/globals';
import { countTests, listSlowestFiles, type JestFileReport, type JestReport } from './jest-report.js';

const file = (name: string, statuses: readonly string[], fields: Partial<JestFileReport> = {}): JestFileReport => ({
  name,
  status: 'passed',
  startTime: 0,
  endTime: 1000,
  assertionResults: statuses.map((status) => ({ status })),
  ...fields,
});

const GREEN: JestReport = {
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numTotalTests: 5,
  wasInterrupted: false,
  testResults: [file('a.spec.ts', ['passed'])],
};

const count = (report: JestReport | undefined, { exitedWell = false, allowSkipped = false } = {}) =>
  countTests({ report, exitedWell, allowSkipped });

describe('the count of tests', () => {
  it('has nothing to add when all is well', () => {
    expect(count(GREEN, { exitedWell: true })).toEqual({ passed: 5, failed: 0, reasons: [] });
  });

  it('counts failed tests once, though Jest itself fails with them', () => {
    const testResults = [file('a.spec.ts', ['passed', 'failed'], { status: 'failed' })];
    expect(count({ ...GREEN, numFailedTests: 2, testResults })).toMatchObject({ passed: 5, failed: 2 });
  });

  it('counts a spec file that fails before or after its tests', () => {
    const testResults = [...GREEN.testResults, file('broken.spec.ts', [], { status: 'failed' })];
    const { failed, reasons } = count({ ...GREEN, testResults });
    expect([failed, reasons]).toEqual([1, ['broken.spec.ts failed outside its tests']]);
  });

  it.each<[string, ReturnType<typeof count>]>([
    ['there is no report', count(undefined)],
    ['Jest says that it went well but wrote no report', count(undefined, { exitedWell: true })],
    ['no test was found', count({ ...GREEN, numPassedTests: 0, numTotalTests: 0 }, { exitedWell: true })],
    ['the run was interrupted', count({ ...GREEN, wasInterrupted: true })],
    ['Jest fails for a reason of its own', count(GREEN)],
    ['a test was skipped', count({ ...GREEN, numPendingTests: 1 }, { exitedWell: true })],
    ['a test is still to be written', count({ ...GREEN, numTodoTests: 1 }, { exitedWell: true })],
  ])('is never free of failures when %s', (_case, { failed, reasons }) => {
    expect(failed).toBe(1);
    expect(reasons).toHaveLength(1);
  });

  it('lets tests be left out when only some were asked for', () => {
    expect(count({ ...GREEN, numPendingTests: 9 }, { exitedWell: true, allowSkipped: true }).failed).toBe(0);
  });
});

describe('the slowest files', () => {
  const testResults = [
    file('/project/test/quick.spec.ts', ['passed'], { startTime: 5000, endTime: 5040 }),
    file('/project/test/slow.spec.ts', ['passed'], { startTime: 1000, endTime: 13_500 }),
    file('/project/libs/broken.spec.ts', [], { status: 'failed', startTime: 2000, endTime: 4000 }),
  ];

  it('come first, with their seconds, whether their tests passed or not', () => {
    expect(listSlowestFiles({ ...GREEN, testResults }, { folder: '/project', count: 2 })).toEqual([
      { file: 'test/slow.spec.ts', seconds: 12.5 },
      { file: 'libs/broken.spec.ts', seconds: 2 },
    ]);
  });

  it('are all files when there are few', () => {
    expect(listSlowestFiles({ ...GREEN, testResults }, { folder: '/project', count: 10 })).toHaveLength(3);
  });
});
