import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { isAlive, pollUntil, startEmbeddedPostgres, type EmbeddedPostgres } from 'local-servers';
import { startProcess } from '../../support/processes.js';

const HOLD_POSTGRES = join(import.meta.dirname, 'hold-postgres.ts');
const HOOKS = join(import.meta.dirname, '../../../scripts/typescript-hooks.mjs');
const isRoot = process.getuid?.() === 0;

let root: string;
const open: EmbeddedPostgres[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'nest-sessions-embedded-'));
  // As root the server runs as another account, which gets through most folders but not through this one.
  await chmod(root, 0o755);
});

afterAll(async () => {
  await Promise.all(open.map((server) => server.stop()));
  await rm(root, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir: join(root, 'data'),
    persistent: true,
    settings: { fsync: 'off' },
    ...options,
  });
  open.push(server);
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('the embedded Postgres', () => {
  it('keeps its data when it is stopped and started again', async () => {
    const first = await start();
    await query(first, 'create table kept as select 1 as answer');
    await first.stop();
    await first.stop();
    const second = await start();
    expect(await query(second, 'select answer from kept')).toEqual([{ answer: 1 }]);
    await second.stop();
  });

  it('is open to 127.0.0.1 only, and only with the password', async () => {
    const server = await start();
    expect(await query(server, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    const stranger = new Client({ connectionString: server.url.replace(/:[^:@]+@/, ':guess@') });
    await expect(stranger.connect()).rejects.toThrow('password authentication failed');
    await server.stop();
  });

  it('ends a server that its killed owner left running, and goes on with its data', async () => {
    const abandoned = await start();
    await query(abandoned, 'create table left_behind as select 2 as answer');
    const gone = await startProcess({ command: 'sh', args: ['-c', 'echo up'], ready: /up/ });
    await gone.exited;
    await writeFile(join(abandoned.dataDir, 'owner.json'), JSON.stringify({ pid: gone.pid, start: 'long ago' }));
    const log: string[] = [];
    const next = await start({ log: (line) => void log.push(line) });
    expect(log.join('\n')).toContain(`stopping Postgres (process ${abandoned.pid})`);
    expect(isAlive(abandoned.pid)).toBe(false);
    expect(await query(next, 'select answer from left_behind')).toEqual([{ answer: 2 }]);
    await next.stop();
  });

  it('recovers from a server that was killed itself', async () => {
    const killed = await start();
    await query(killed, 'create table survived as select 3 as answer');
    killed.kill('SIGKILL');
    await pollUntil('the server has not ended', async () => !isAlive(killed.pid));
    const next = await start();
    expect(await query(next, 'select answer from survived')).toEqual([{ answer: 3 }]);
    await next.stop();
  });

  it('refuses a folder on which a living process runs it, and leaves that server alone', async () => {
    const running = await start();
    await expect(start()).rejects.toThrow(`process ${process.pid} already runs Postgres`);
    expect(await query(running, 'select 4 as answer')).toEqual([{ answer: 4 }]);
    await running.stop();
  });

  it('ends with its owner, even when that is killed', async () => {
    const owner = await startProcess({
      command: process.execPath,
      args: ['--import', HOOKS, HOLD_POSTGRES, join(root, 'data')],
      ready: /^ready/,
    });
    const pid = Number(owner.lines.find((line) => line.startsWith('ready'))?.split(' ')[1]);
    expect(isAlive(pid)).toBe(true);
    owner.kill('SIGKILL');
    await pollUntil('the server has not ended', async () => !isAlive(pid));
    await (await start()).stop();
  });

  it('says which port is taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(`port ${port} is taken`);
    squatter.close();
  });

  it('touches no folder that holds anything else', async () => {
    const dataDir = join(root, 'documents');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'letter.txt'), 'Dear Ada');
    await expect(start({ dataDir })).rejects.toThrow('holds other files');
    expect(await readdir(dataDir)).toEqual(['letter.txt']);
  });

  it('keeps its data elsewhere, and says where, when its account cannot reach the folder', async () => {
    const closed = join(root, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const log: string[] = [];
    const wanted = join(closed, 'data');
    const server = await start({ dataDir: wanted, persistent: false, log: (line) => void log.push(line) });
    expect(server.dataDir.startsWith(isRoot ? '/var/tmp/' : wanted)).toBe(true);
    expect(log.join('\n').includes(`its data is kept in ${server.dataDir}`)).toBe(isRoot);
    await server.stop();
    await expect(readdir(server.dataDir)).rejects.toThrow('ENOENT');
  });
});
