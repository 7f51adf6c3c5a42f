import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { findProjectRoot } from '../../../apps/demo/src/config/project-root.js';
import { findRedisOnPath, isAlive, pollUntil } from 'local-servers';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { getServerUrl } from '../../support/servers.js';
import { DemoProcess } from './demo-process.js';
import { DemoVisitor } from './demo-visitor.js';

const [ADA] = DEMO_USERS;
const NPM_START = ['npm', 'start'] as const;
const BUILT = ['node', 'dist/apps/demo/apps/demo/src/main.js'] as const;
const OPEN = /Open (http:\/\/localhost:\d+)$/;
const TIMEOUT_MS = 120_000;

const visitorOf = async (demo: DemoProcess) => {
  const [, baseUrl = ''] = await demo.waitFor(OPEN);
  return new DemoVisitor({ baseUrl });
};

const problemsOf = (demo: DemoProcess) => demo.lines.filter((line) => /^(?:FATAL|ERROR)/.test(line));
const stackOf = (demo: DemoProcess) => demo.lines.filter((line) => line.startsWith('at '));

describe('npm start', () => {
  let dataDir: string;
  const processes: DemoProcess[] = [];

  const start = (command: readonly [string, ...string[]], env: Record<string, string>) => {
    const demo = DemoProcess.start(command, env);
    processes.push(demo);
    return demo;
  };

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'nest-sessions-demo-'));
    // As root, Postgres runs as another user, who must get through.
    await chmod(dataDir, 0o755);
  });

  afterAll(async () => {
    await Promise.all(processes.map((demo) => demo.stop('SIGKILL')));
    await rm(dataDir, { recursive: true, force: true });
  }, TIMEOUT_MS);

  it(
    'needs nothing, says what it took and why, and keeps users and sessions across restarts',
    async () => {
      const first = start(NPM_START, { PORT: '0', DATA_DIR: dataDir, SESSION_STORE: 'postgres' });
      const visitor = await visitorOf(first);
      expect(first.lines.join('\n')).toContain(
        'Sessions are kept in Postgres, beside the users: SESSION_STORE says so.',
      );
      expect(first.lines.join('\n')).toContain(`embedded Postgres with its data in ${join(dataDir, 'postgres')}`);
      const key = await readFile(join(dataDir, 'second-factor.key'), 'utf8');
      expect(first.lines.join('\n')).toContain(`sealed under a key in ${join(dataDir, 'second-factor.key')}`);
      expect(first.lines.join('\n')).not.toContain(key.trim());
      for (const { email, password } of DEMO_USERS) {
        expect(first.lines.join('\n')).toContain(`Sign in as ${email} with the password ${password}`);
      }
      await visitor.signIn(ADA);
      expect((await visitor.get('/')).body).toContain('Hello, Ada Lovelace');
      const before = await visitor.apiJson<{ id: string }[]>('GET', '/devices');

      await first.stop('SIGINT');
      expect(first.lines.join('\n')).toContain('SIGINT: stopping');
      await expect(visitor.get('/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      expect(listPidFiles()).toEqual([]);

      const env = { PORT: '0', DATA_DIR: dataDir };
      const redisServer = await findRedisOnPath();
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const next = start(BUILT, env);
        const sameBrowser = await visitorOf(next);
        expect(next.lines.join('\n')).toContain(
          redisServer
            ? `a private Redis (${redisServer}) with its data in ${join(dataDir, 'redis')} (REDIS_URL is not set): SESSION_STORE is not set and a redis-server is on the PATH.`
            : 'Postgres, beside the users: SESSION_STORE and REDIS_URL are not set and no redis-server is on the PATH.',
        );
        sameBrowser.cookie = visitor.cookie;
        expect((await sameBrowser.get('/')).body).toContain('Hello, Ada Lovelace');
        expect(await sameBrowser.apiJson('GET', '/devices')).toMatchObject(before.map(({ id }) => ({ id })));
        expect(listPidFiles()).toHaveLength(redisServer ? 2 : 1);
        expect(await readFile(join(dataDir, 'second-factor.key'), 'utf8')).toBe(key);
        expect(await next.stop(signal)).toBe(0);
        expect(listPidFiles()).toEqual([]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'does not run twice on the same data, and ends when its Postgres does, each time saying so in one line',
    async () => {
      const env = { PORT: '0', DATA_DIR: dataDir };
      const first = start(BUILT, env);
      await first.waitFor(OPEN);
      const second = start(BUILT, env);
      expect(await second.exit()).toBe(1);
      expect(problemsOf(second)).toEqual([expect.stringMatching(/process \d+ already runs Postgres on .*: stop that/)]);
      expect(stackOf(second)).toEqual([]);

      const lock = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8');
      process.kill(Number(lock.split('\n')[0]), 'SIGKILL');
      expect(await first.exit()).toBe(1);
      expect(problemsOf(first)).toEqual([expect.stringContaining('the embedded Postgres has ended by itself')]);
      expect(stackOf(first)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'leaves no server running when it is killed',
    async () => {
      const demo = start(BUILT, { PORT: '0', DATA_DIR: dataDir });
      await demo.waitFor(OPEN);
      const pids = await Promise.all(
        listPidFiles().map(async (file) => Number((await readFile(join(dataDir, file), 'utf8')).split('\n')[0])),
      );
      expect(pids.length).toBeGreaterThan(0);
      expect(pids.every(isAlive)).toBe(true);
      await demo.stop('SIGKILL');
      await pollUntil('the servers have not ended', () => Promise.resolve(!pids.some(isAlive)));
    },
    TIMEOUT_MS,
  );

  /** What the servers remove when they end in order. */
  const listPidFiles = () =>
    ['postgres/postmaster.pid', 'redis/redis.pid'].filter((file) => existsSync(join(dataDir, file)));
});

describe('the built demo', () => {
  const schema = `demo_start_${process.pid}`;
  let sql: Client;
  let env: Record<string, string>;

  beforeAll(async () => {
    if (!existsSync(join(findProjectRoot(), BUILT[1]))) {
      await promisify(execFile)('npx', ['nest', 'build', 'demo'], { cwd: findProjectRoot() });
    }
    sql = new Client({ connectionString: getServerUrl('TEST_POSTGRES_URL') });
    await sql.connect();
    await sql.query(`create schema ${schema}`);
    env = {
      DATABASE_URL: getServerUrl('TEST_POSTGRES_URL'),
      DATABASE_SCHEMA: schema,
      SECOND_FACTOR_KEY: randomBytes(32).toString('base64'),
      PORT: '0',
    };
  }, TIMEOUT_MS);

  afterAll(async () => {
    await sql.query(`drop schema ${schema} cascade`);
    await sql.end();
  });

  it('keeps sessions in Redis when that is what SESSION_STORE says', async () => {
    const demo = DemoProcess.start(BUILT, {
      ...env,
      REDIS_URL: getServerUrl('TEST_REDIS_URL'),
      SESSION_STORE: 'redis',
    });
    const visitor = await visitorOf(demo);
    expect(demo.lines.join('\n')).toMatch(
      /Sessions are kept in Redis at redis:\/\/127\.0\.0\.1:\d+.*: SESSION_STORE says so/,
    );
    await visitor.signIn(ADA);
    expect((await visitor.get('/sessions')).status).toBe(200);
    await visitor.post('/sign-out');
    expect(await demo.stop('SIGTERM')).toBe(0);
  });

  it('keeps sessions in both when it is given both', async () => {
    const demo = DemoProcess.start(BUILT, { ...env, REDIS_URL: getServerUrl('TEST_REDIS_URL') });
    const visitor = await visitorOf(demo);
    expect(demo.lines.join('\n')).toMatch(
      /Sessions are kept in Postgres, beside the users, with hot copies and their data in Redis at redis:\/\/127\.0\.0\.1:\d+.*: DATABASE_URL and REDIS_URL are set\./,
    );
    await visitor.signIn(ADA);
    expect((await visitor.get('/sessions')).status).toBe(200);
    await visitor.post('/sign-out');
    expect(await demo.stop('SIGTERM')).toBe(0);
  });

  it('finishes the request that is under way when it is told to stop', async () => {
    const demo = DemoProcess.start(BUILT, {
      ...env,
      SESSION_STORE: 'memory',
      HTTP_ADAPTER: 'fastify',
    });
    const visitor = await visitorOf(demo);
    const locks = new Client({ connectionString: getServerUrl('TEST_POSTGRES_URL') });
    await locks.connect();
    await locks.query('begin');
    await locks.query(`lock table ${schema}.users in access exclusive mode`);
    const signingIn = visitor.signIn(ADA);
    await untilSomebodyWaits(sql, schema);
    const stopped = demo.stop('SIGTERM');
    await demo.waitFor(/SIGTERM: stopping/);
    await locks.query('commit');
    await locks.end();
    expect((await signingIn).status).toBe(303);
    expect(await stopped).toBe(0);
  });

  it.each([
    ['SESSION_STORE must be memory', { SESSION_STORE: 'files' }],
    ['PORT must be a port number', { PORT: 'eighty' }],
    ['SECOND_FACTOR_KEY must be 32 bytes in base64', { SECOND_FACTOR_KEY: 's3cret' }],
    ['SECOND_FACTOR_KEY is needed in production', { SECOND_FACTOR_KEY: '', NODE_ENV: 'production' }],
    ['REDIS_URL is needed', { SESSION_STORE: 'redis' }],
    ['REDIS_URL is needed', { SESSION_STORE: 'hybrid' }],
    [
      'DATABASE_URL does not work: connect ECONNREFUSED 127.0.0.1:1',
      { DATABASE_URL: 'postgres://app:s3cret@127.0.0.1:1/app' },
    ],
    ['session store "redis"', { SESSION_STORE: 'redis', REDIS_URL: 'redis://:s3cret@127.0.0.1:1' }],
    ['HOST no-such-host.invalid is no address', { HOST: 'no-such-host.invalid' }],
    [
      /^.*DATABASE_URL does not work: getaddrinfo \w+ no\.such\.host\.invalid$/,
      { DATABASE_URL: 'postgres://root:s3cret@no.such.host.invalid/test' },
    ],
    [
      'DATABASE_URL does not work: The server does not support SSL connections',
      { DATABASE_URL: `${getServerUrl('TEST_POSTGRES_URL')}?sslmode=require` },
    ],
    [
      'DATABASE_URL has a % that begins no escape: write it as %25',
      { DATABASE_URL: 'postgres://root:s3cret%zz@127.0.0.1/test' },
    ],
    ['DATABASE_SCHEMA no_such_schema does not exist', { DATABASE_SCHEMA: 'no_such_schema' }],
  ])('says in one line, and exits with 1: %s', async (message, wrong) => {
    const demo = DemoProcess.start(BUILT, { ...env, ...wrong });
    expect(await demo.exit()).toBe(1);
    expect(problemsOf(demo)).toEqual([expect.stringMatching(message)]);
    expect(demo.lines.join('\n')).not.toContain('s3cret');
    expect(stackOf(demo)).toEqual([]);
  });

  it('says that the port is in use', async () => {
    const occupant = createServer().listen(0, 'localhost');
    await once(occupant, 'listening');
    const { port } = occupant.address() as { port: number };
    const demo = DemoProcess.start(BUILT, { ...env, SESSION_STORE: 'memory', PORT: String(port) });
    expect(await demo.exit()).toBe(1);
    expect(problemsOf(demo)).toEqual([
      expect.stringMatching(`PORT ${port} is in use on localhost: stop what listens there, or choose another`),
    ]);
    occupant.close();
  });
});

/** Until a backend waits for a lock on the schema's tables. */
async function untilSomebodyWaits(sql: Client, schema: string): Promise<void> {
  for (;;) {
    const { rows } = await sql.query(`select 1 from pg_locks where not granted and relation = to_regclass($1)`, [
      `${schema}.users`,
    ]);
    if (rows.length > 0) return;
  }
}
