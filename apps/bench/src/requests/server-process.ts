import { execa, type Subprocess } from 'execa';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { isPeer, type ServerSettings } from './variants.js';

export interface RunningServer {
  readonly url: string;
  readonly cookies: readonly string[];
  /** Processor time of the process so far, its own and the kernel's for it, in µs. */
  cpuUs(): Promise<number>;
  stop(): Promise<void>;
}

const US_PER_TICK = 10_000;
const programOf = ({ store }: ServerSettings) =>
  new URL(isPeer(store) ? 'peer-server.ts' : 'request-server.ts', import.meta.url).pathname;

/** Starts a server of one variant on one core, in the way that this process was started. */
export async function startServer(settings: ServerSettings, core: number): Promise<RunningServer> {
  const child = execa(
    'taskset',
    ['-c', String(core), process.execPath, ...process.execArgv, programOf(settings), JSON.stringify(settings)],
    {
      stdin: 'pipe',
      stderr: 'inherit',
      buffer: false,
    },
  );
  const { url, cookies } = await readFirstLine(child);
  return {
    url,
    cookies,
    cpuUs: async () => {
      const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
    },
    stop: async () => {
      child.stdin?.end();
      await child;
    },
  };
}

async function readFirstLine(child: Subprocess): Promise<{ url: string; cookies: string[] }> {
  if (!child.stdout) throw new Error('the server has no output');
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    return JSON.parse(line) as { url: string; cookies: string[] };
  }
  throw new Error('the server ended before it listened');
}
