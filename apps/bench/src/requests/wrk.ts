import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';

export interface WrkResult {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface WrkSettings {
  readonly url: string;
  /** A file written by `writeWrkScript`. */
  readonly script: string;
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
  readonly mayFail: boolean;
}

/** A script with which wrk sends one cookie after the other, and prints what it counted as JSON on the last line. */
export async function writeWrkScript(file: string, cookies: readonly string[]): Promise<void> {
  const lines = [
    `local cookies = { ${cookies.map((cookie) => JSON.stringify(cookie)).join(', ')} }`,
    'local sent = 0',
    'request = function()',
    '  sent = sent + 1',
    '  return wrk.format("GET", nil, { ["Cookie"] = cookies[sent % #cookies + 1] })',
    'end',
    'done = function(summary, latency)',
    '  local errors = summary.errors',
    '  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout',
    '  io.write(string.format(\'{"requests":%d,"us":%d,"failed":%d,"p50":%d,"p99":%d}\\n\',',
    '    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))',
    'end',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
}

/** @throws {Error} A request failed or was not answered with a 2xx, unless it may. */
export async function runWrk({ url, script, connections, seconds, core, mayFail }: WrkSettings): Promise<WrkResult> {
  const args = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
  const { stdout } = await execa('taskset', ['-c', String(core), ...args]);
  const counted = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<
    'requests' | 'us' | 'failed' | 'p50' | 'p99',
    number
  >;
  if (counted.failed > 0 && !mayFail)
    throw new Error(`${counted.failed} of ${counted.requests} requests to ${url} failed`);
  return {
    requests: counted.requests,
    requestsPerSecond: (counted.requests / counted.us) * 1e6,
    p50Ms: counted.p50 / 1000,
    p99Ms: counted.p99 / 1000,
  };
}
