import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { readDemoConfig } from './demo-config.js';
import { DemoConfigError } from './demo-config.error.js';
import { printableUrl } from './environment.js';
import { findProjectRoot } from './project-root.js';

const REDIS_URL = 'redis://:s3cret@cache.example:6379/1';
const DATABASE_URL = 'postgres://app:s3cret@db.example/app';

const INSTALLED = { redisServer: '/usr/bin/redis-server' };

function failureOf(env: Record<string, string>, machine = {}): string {
  try {
    readDemoConfig(env, machine);
  } catch (error) {
    if (error instanceof DemoConfigError) return error.message;
    throw error;
  }
  return 'no failure';
}

describe('the configuration of the demo', () => {
  it('needs nothing: an embedded Postgres in the project folder, on port 3000 of this computer only', () => {
    const config = readDemoConfig({});
    expect(config).toMatchObject({ host: 'localhost', port: 3000, httpAdapter: 'express', databaseUrl: undefined });
    expect(config.dataDir).toBe(join(findProjectRoot(), '.data'));
  });

  it.each([
    [{}, 'postgres', 'SESSION_STORE and REDIS_URL are not set and no redis-server is on the PATH'],
    [{ DATABASE_URL }, 'postgres', 'DATABASE_URL is set and REDIS_URL is not'],
    [{ REDIS_URL }, 'redis', 'REDIS_URL is set and DATABASE_URL is not'],
    [{ REDIS_URL, DATABASE_URL }, 'hybrid', 'DATABASE_URL and REDIS_URL are set'],
    [{ REDIS_URL, DATABASE_URL, SESSION_STORE: 'redis' }, 'redis', 'SESSION_STORE says so'],
    [{ REDIS_URL, DATABASE_URL, SESSION_STORE: 'postgres' }, 'postgres', 'SESSION_STORE says so'],
    [{ REDIS_URL, SESSION_STORE: 'hybrid' }, 'hybrid', 'SESSION_STORE says so'],
    [{ SESSION_STORE: 'memory' }, 'memory', 'SESSION_STORE says so'],
    [
      { SESSION_STORE: '', REDIS_URL: '' },
      'postgres',
      'SESSION_STORE and REDIS_URL are not set and no redis-server is on the PATH',
    ],
  ])('from %j takes %s, because %s', (env, kind, reason) => {
    expect(readDemoConfig(env).sessionStore).toEqual({ kind, reason });
  });

  it.each([
    [{}, 'hybrid', 'SESSION_STORE is not set and a redis-server is on the PATH'],
    [{ SESSION_STORE: 'hybrid' }, 'hybrid', 'SESSION_STORE says so'],
    [{ SESSION_STORE: 'postgres' }, 'postgres', 'SESSION_STORE says so'],
    [{ REDIS_URL }, 'redis', 'REDIS_URL is set and DATABASE_URL is not'],
    [{ DATABASE_URL }, 'postgres', 'DATABASE_URL is set and REDIS_URL is not'],
  ])('from %j and an installed redis-server takes %s, because %s', (env, kind, reason) => {
    expect(readDemoConfig(env, INSTALLED)).toMatchObject({ ...INSTALLED, sessionStore: { kind, reason } });
  });

  it('starts no Redis of its own beside a database that others may use, too', () => {
    expect(failureOf({ SESSION_STORE: 'hybrid', DATABASE_URL }, INSTALLED)).toBe(
      'REDIS_URL is needed by SESSION_STORE=hybrid, such as redis://localhost:6379',
    );
  });

  it.each([
    [{ SESSION_STORE: 'mysql' }, 'SESSION_STORE must be memory, redis, postgres or hybrid, but is "mysql"'],
    [{ SESSION_STORE: 'redis' }, 'REDIS_URL is needed by SESSION_STORE=redis, such as redis://localhost:6379'],
    [
      { SESSION_STORE: 'hybrid' },
      'REDIS_URL is needed by SESSION_STORE=hybrid, such as redis://localhost:6379, or a redis-server on the PATH',
    ],
    [{ PORT: 'http' }, 'PORT must be a port number from 0 to 65535, but is "http"'],
    [{ PORT: '70000' }, 'PORT must be a port number from 0 to 65535, but is "70000"'],
    [{ PORT: '-1' }, 'PORT must be a port number from 0 to 65535, but is "-1"'],
    [{ HTTP_ADAPTER: 'koa' }, 'HTTP_ADAPTER must be express or fastify, but is "koa"'],
    [{ REDIS_URL: 'localhost' }, 'REDIS_URL must be a URL such as redis://localhost'],
    [
      { DATABASE_URL: 'mysql://root:s3cret@db/app' },
      'DATABASE_URL must be a URL such as postgres://localhost, but its protocol is mysql:',
    ],
    [
      { DATABASE_SCHEMA: 'a"; drop' },
      'DATABASE_SCHEMA must be a lower-case Postgres name of letters, digits and _, but is "a\\"; drop"',
    ],
  ])('refuses %j in one line that names the variable and no password', (env, message) => {
    expect(failureOf(env)).toBe(message);
    expect(message).not.toContain('s3cret');
  });

  describe('the key of second factors', () => {
    const bytes = Buffer.alloc(32, 7);
    const production = { NODE_ENV: 'production', DATABASE_URL };

    it('is read from 32 bytes in base64, and printed nowhere', () => {
      const config = readDemoConfig({ SECOND_FACTOR_KEY: bytes.toString('base64'), ...production });
      expect(config.secondFactorKey?.export()).toEqual(bytes);
      expect(inspect(config, { depth: null, showHidden: true })).not.toContain(bytes.toString('base64'));
      expect(inspect(config, { depth: null, showHidden: true })).not.toContain('07 07');
    });

    it.each([
      Buffer.alloc(16, 7).toString('base64'),
      Buffer.alloc(33, 7).toString('base64'),
      bytes.toString('hex'),
      `${'-'.repeat(43)}=`,
      'correct horse',
    ])('is not %s, and that is not repeated', (text) => {
      const message = failureOf({ SECOND_FACTOR_KEY: text });
      expect(message).toBe('SECOND_FACTOR_KEY must be 32 bytes in base64, as `openssl rand -base64 32` makes them');
    });

    it('is needed where instances share a database in production, and is otherwise made at the first start', () => {
      expect(failureOf(production)).toMatch(/^SECOND_FACTOR_KEY is needed in production beside DATABASE_URL/);
      for (const env of [{}, { DATABASE_URL }, { NODE_ENV: 'production' }]) {
        expect(readDemoConfig(env).secondFactorKey).toBeUndefined();
      }
    });
  });

  it('prints addresses without user, password and parameters', () => {
    expect(printableUrl(`${DATABASE_URL}?sslpassword=s3cret`)).toBe('postgres://db.example/app');
    expect(printableUrl(REDIS_URL)).toBe('redis://cache.example:6379/1');
  });
});
