// npm test: builds, checks and tests everything, and ends with the line `N passed, N failed`.
// Arguments after `--` are for Jest. The tests do not run when one of the checks before them fails.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findChromium } from 'local-servers/testing';
import { countTests, listSlowestFiles, type JestReport, type TestCount } from './lib/jest-report.js';
import { runStep } from './lib/run-step.js';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const CHECKS = [
  { name: 'build', command: 'npm', args: ['run', '--silent', 'build'] },
  { name: 'typecheck', command: 'npm', args: ['run', '--silent', 'typecheck'] },
  { name: 'lint', command: 'npm', args: ['run', '--silent', 'lint'] },
  { name: 'format', command: 'npm', args: ['run', '--silent', 'format:check'] },
  { name: 'generated code', command: 'npm', args: ['run', '--silent', 'generate', '--', '--check'] },
];

const SLOWEST_COUNT = 10;

async function runChecks() {
  const failures: string[] = [];
  for (const check of CHECKS) {
    if (!(await runStep(check))) failures.push(check.name);
  }
  return { passed: CHECKS.length - failures.length, failed: failures.length, failures };
}

async function runTests(args: readonly string[]): Promise<TestCount> {
  const folder = await mkdtemp(join(tmpdir(), 'nest-sessions-report-'));
  const file = join(folder, 'report.json');
  try {
    const exitedWell = await runStep({
      name: 'tests',
      command: process.execPath,
      args: [
        '--experimental-vm-modules',
        '--no-warnings',
        'node_modules/jest/bin/jest.js',
        '--json',
        `--outputFile=${file}`,
        ...args,
      ],
      env: { TEST_RUNNER_PIDS: String(process.pid) },
    });
    const text = await readFile(file, 'utf8').catch(() => undefined);
    const report = text === undefined ? undefined : (JSON.parse(text) as JestReport);
    if (report) printSlowest(report);
    return countTests({ report, exitedWell, allowSkipped: args.length > 0 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function printSlowest(report: JestReport): void {
  console.log(`\nthe ${SLOWEST_COUNT} slowest spec files`);
  for (const { file, seconds } of listSlowestFiles(report, { folder: process.cwd(), count: SLOWEST_COUNT })) {
    console.log(`${seconds.toFixed(1).padStart(7)} s  ${file}`);
  }
}

async function main(): Promise<{ passed: number; failed: number }> {
  const checks = await runChecks();
  if (checks.failed > 0) {
    console.error(`\nThe tests were not run: ${checks.failures.join(', ')} failed.`);
    return checks;
  }
  const args = process.argv.slice(2);
  // A missing browser is installed now rather than within the time limit of a test.
  if (args.length === 0) await findChromium();
  const tests = await runTests(args);
  for (const reason of tests.reasons) console.error(`✖ ${reason}`);
  return { passed: checks.passed + tests.passed, failed: tests.failed };
}

const startedAtMs = performance.now();
const { passed, failed } = await main().catch((error: unknown) => {
  console.error(`\n✖ ${error instanceof Error ? error.message : String(error)}`);
  return { passed: 0, failed: 1 };
});
console.log(`\neverything took ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
