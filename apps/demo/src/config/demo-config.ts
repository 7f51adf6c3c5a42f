import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import { DemoConfigError } from './demo-config.error.js';
import { readPort, readUrl, type Environment } from './environment.js';
import { findProjectRoot } from './project-root.js';
import { readSecondFactorKey } from './second-factor-key.js';
import { chooseSessionStore, type SessionStoreChoice } from './session-store-choice.js';

export type HttpAdapterKind = 'express' | 'fastify';

export interface DemoConfig {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly httpAdapter: HttpAdapterKind;
  readonly production: boolean;
  readonly sessionStore: SessionStoreChoice;
  readonly redisUrl: string | undefined;
  /** Path of the `redis-server` that the demo starts for itself when its store needs a Redis and `redisUrl` names none. */
  readonly redisServer: string | undefined;
  /** `undefined`: an embedded Postgres keeps the data in `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly databaseSchema: string;
  /** Absolute. */
  readonly dataDir: string;
  /** `undefined`: a key of this computer's own is kept in `dataDir`. */
  readonly secondFactorKey: KeyObject | undefined;
}

export interface Machine {
  /** Path of a `redis-server` that is installed. */
  readonly redisServer?: string | undefined;
}

/** @throws {DemoConfigError} The first setting that is wrong. */
export function readDemoConfig(env: Environment, { redisServer }: Machine = {}): DemoConfig {
  return {
    host: env['HOST'] || 'localhost',
    port: readPort(env, 'PORT', 3000),
    httpAdapter: readHttpAdapter(env),
    production: env['NODE_ENV'] === 'production',
    sessionStore: chooseSessionStore(env, redisServer),
    redisUrl: readUrl(env, 'REDIS_URL', ['redis:', 'rediss:']),
    redisServer,
    databaseUrl: readUrl(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    databaseSchema: readSchema(env),
    dataDir: resolve(findProjectRoot(), env['DATA_DIR'] || '.data'),
    secondFactorKey: readSecondFactorKey(env),
  };
}

function readHttpAdapter(env: Environment): HttpAdapterKind {
  const asked = env['HTTP_ADAPTER'] || 'express';
  if (asked === 'express' || asked === 'fastify') return asked;
  throw new DemoConfigError('HTTP_ADAPTER', `must be express or fastify, but is ${JSON.stringify(asked)}`);
}

function readSchema(env: Environment): string {
  const schema = env['DATABASE_SCHEMA'] || 'public';
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return schema;
  throw new DemoConfigError(
    'DATABASE_SCHEMA',
    `must be a lower-case Postgres name of letters, digits and _, but is ${JSON.stringify(schema)}`,
  );
}
