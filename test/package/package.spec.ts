import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { installedVersion, packLibrary, ScratchApp } from './scratch-app.js';

const ROOT = resolve(import.meta.dirname, '../..');
const MINUTES = 60_000;
const LIST_TIMEOUTS = `import { listTimeouts } from './scheduled.js';
void listTimeouts().then((timeouts) => console.log(JSON.stringify(timeouts)));\n`;
const SIGNED_IN_AND_OUT = { statuses: [401, 201, 200, 201, 401], userId: 'ada', data: { theme: 'dark' } };

let folder: string;
let tarball: string;
const apps: ScratchApp[] = [];

async function install(options: Parameters<typeof ScratchApp.install>[0]): Promise<ScratchApp> {
  const app = await ScratchApp.install(options);
  apps.push(app);
  return app;
}

const pinned = async (...names: string[]) =>
  Promise.all(names.map(async (name) => `${name}@${await installedVersion(name)}`));

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'libs/session/dist/esm/index.js')))
    await execa('npm', ['run', 'build:lib'], { cwd: ROOT });
  folder = await mkdtemp(join(tmpdir(), 'nest-sessions-pack-'));
  tarball = await packLibrary(folder);
}, 2 * MINUTES);

afterAll(async () => {
  await Promise.all([rm(folder, { recursive: true, force: true }), ...apps.map((app) => app.remove())]);
});

describe('the packed library', () => {
  it('holds the builds, the readme and the licence, and neither sources nor specs', async () => {
    const { stdout } = await execa('tar', ['-tzf', tarball]);
    const files = stdout.split('\n').map((file) => file.replace(/^package\//, ''));
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'package.json']));
    for (const entry of ['index', 'store', 'stores/redis/index', 'stores/postgres/index', 'testing/index']) {
      for (const build of ['dist/esm', 'dist/cjs']) {
        expect(files).toEqual(expect.arrayContaining([`${build}/${entry}.js`, `${build}/${entry}.d.ts`]));
      }
    }
    expect(files.filter((file) => /\.spec\.|^src\//.test(file))).toEqual([]);
  });

  it('satisfies publint', async () => {
    const pkgDir = join(ROOT, 'libs/session');
    const { messages, pkg } = await publint({ pkgDir, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });
});

describe('a Nest 12 application with no optional package: neither Redis, Postgres nor @nestjs/schedule (nestjs/nest#16369)', () => {
  let app: ScratchApp;

  beforeAll(async () => {
    app = await install({
      type: 'module',
      packages: [
        tarball,
        ...(await pinned(
          '@nestjs/common',
          '@nestjs/core',
          '@nestjs/platform-express',
          '@types/node',
          'reflect-metadata',
          'rxjs',
        )),
      ],
    });
    await app.write(
      'src/main.ts',
      "import { tryOut } from './app.js';\nconsole.log(JSON.stringify(await tryOut()));\n",
    );
    await app.write(
      'src/own.ts',
      `import { tryOut } from './app.js';
import { ownStore } from './own-store.js';
console.log(JSON.stringify(await tryOut(ownStore())));\n`,
    );
    await app.write(
      'src/redis.ts',
      `import { tryOut } from './app.js';
import { redisStore } from 'nest-sessions/redis';
const outcome = await tryOut(redisStore({ url: 'redis://127.0.0.1:1' })).catch((error: Error) => error.message);
console.log(JSON.stringify(outcome));\n`,
    );
    await app.compile();
  }, 3 * MINUTES);

  it('signs in and out on the memory store, with typed data', async () => {
    expect(await app.run('main.js')).toEqual(SIGNED_IN_AND_OUT);
  });

  it('signs in and out on a store of its own, written from the root entry and nest-sessions/store alone', async () => {
    expect(await app.run('own.js')).toEqual(SIGNED_IN_AND_OUT);
  });

  it('is told which package is missing when it asks for the Redis store', async () => {
    expect(await app.run('redis.js')).toMatch(/ioredis/);
  });
});

describe('a Nest 12 application with every driver', () => {
  let app: ScratchApp;

  beforeAll(async () => {
    app = await install({
      type: 'module',
      overrides: { typeorm: { ioredis: '$ioredis' } },
      packages: [
        tarball,
        ...(await pinned(
          '@nestjs/common',
          '@nestjs/core',
          '@nestjs/platform-express',
          '@nestjs/schedule',
          '@nestjs/typeorm',
          '@types/node',
          'ioredis',
          'pg',
          'reflect-metadata',
          'rxjs',
          'typeorm',
        )),
      ],
    });
    await app.write(
      'src/main.ts',
      `import { DataSource } from 'typeorm';
import { postgresStore, sessionMigrations } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { tryOut } from './app.js';
const schema = 'scratch_app_' + process.pid;
const dataSource = new DataSource({ type: 'postgres', url: process.env.TEST_POSTGRES_URL, schema,
  migrations: sessionMigrations({ schema, userIdType: 'text' }) });
await dataSource.initialize();
await dataSource.query('create schema ' + schema);
await dataSource.runMigrations();
const postgres = await tryOut(postgresStore({ dataSource, schema }));
await dataSource.query('drop schema ' + schema + ' cascade');
await dataSource.destroy();
const redis = await tryOut(redisStore({ url: process.env.TEST_REDIS_URL ?? '', keyPrefix: schema }));
console.log(JSON.stringify({ postgres, redis }));\n`,
    );
    await app.addFixture('scheduled.ts');
    await app.write('src/scheduled-main.ts', LIST_TIMEOUTS);
    await app.compile();
  }, 3 * MINUTES);

  it('signs in and out on Postgres and on Redis', async () => {
    const { TEST_POSTGRES_URL = '', TEST_REDIS_URL = '' } = process.env;
    expect(await app.run('main.js', { TEST_POSTGRES_URL, TEST_REDIS_URL })).toEqual({
      postgres: SIGNED_IN_AND_OUT,
      redis: SIGNED_IN_AND_OUT,
    });
  });

  it('finds the cleanup job in the registry of ScheduleModule', async () => {
    expect(await app.run('scheduled-main.js')).toEqual(['nest-sessions:cleanup']);
  });
});

describe('a Nest 11 application in CommonJS (nestjs/nest#16369)', () => {
  let app: ScratchApp;

  beforeAll(async () => {
    app = await install({
      type: 'commonjs',
      packages: [
        tarball,
        '@nestjs/common@^11.1.0',
        '@nestjs/core@^11.1.0',
        '@nestjs/platform-express@^11.1.0',
        '@nestjs/schedule@^6.0.0',
        ...(await pinned('@types/node', 'reflect-metadata', 'rxjs')),
      ],
    });
    await app.write(
      'src/main.ts',
      `import { SessionService } from 'nest-sessions';
import { tryOut } from './app.js';
import { ownStore } from './own-store.js';
async function main() {
  const imported = await import('nest-sessions');
  console.log(JSON.stringify({ ...(await tryOut(ownStore())), oneClass: (imported.SessionService as unknown) === SessionService }));
}
void main();\n`,
    );
    await app.addFixture('scheduled.ts');
    await app.write('src/scheduled-main.ts', LIST_TIMEOUTS);
    await app.compile();
  }, 3 * MINUTES);

  it('signs in and out on a store of its own, and gets one class by require and by import', async () => {
    expect(await app.run('main.js')).toEqual({ ...SIGNED_IN_AND_OUT, oneClass: true });
  });

  it('finds the cleanup job in the registry of ScheduleModule, and boots without that package', async () => {
    expect(await app.run('scheduled-main.js')).toEqual(['nest-sessions:cleanup']);
    await app.removePackage('@nestjs/schedule');
    expect(await app.run('main.js')).toEqual({ ...SIGNED_IN_AND_OUT, oneClass: true });
  });
});
