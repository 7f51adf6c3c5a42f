import type { INestApplication } from '@nestjs/common';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { Client, Pool } from 'pg';
import { Column, DataSource, Entity, PrimaryColumn, type Repository } from 'typeorm';
import type { PeerVariant, ServerSettings } from './variants.js';

/** What the guard of a peer sees of a request. */
export interface PeerRequest {
  readonly headers: Record<string, string | undefined>;
  readonly session?: Record<string, unknown>;
  userId?: string;
}

/** One way to check a session, behind the same route. */
export interface Peer {
  /** Middleware or plugins, before the application listens. */
  install?(app: INestApplication): void | Promise<void>;
  findUser(request: PeerRequest): string | undefined | Promise<string | undefined>;
  /** Starts a session in a request, whose response then sets the cookie. */
  signIn?(request: PeerRequest, userId: string): void | Promise<void>;
  /** Stores a session without a request. Returns the `Cookie` header. */
  issue?(userId: string): Promise<string>;
  close(): Promise<void>;
}

const SECRET = 'a secret of the benchmark, at least 32 characters long';
const IDLE_MS = 1_800_000;
const DATA = { tenantId: 'tenant-1', roles: ['reader', 'writer'], theme: 'dark' };

/** Packages of `apps/bench/package.json`, which the root does not have, so that no types are read. */
const load = async <T>(name: string): Promise<T> => (await import(name)) as T;

const valueOf = ({ headers }: PeerRequest): string => {
  const cookie = headers.cookie ?? '';
  return cookie.slice(cookie.indexOf('=') + 1);
};

/** Reads the session that the middleware or plugin has loaded. */
const ofRequest = {
  findUser: (request: PeerRequest) => request.session?.userId as string | undefined,
  signIn: (request: PeerRequest, userId: string) => void Object.assign(request.session ?? {}, { userId, ...DATA }),
};

/** Two fields of a hash by one command, as the library reads them, and nothing else. */
async function hmget({ redisUrl, name }: ServerSettings): Promise<Peer> {
  const redis = new Redis(redisUrl);
  return {
    findUser: async (request) => {
      const [record, activity] = await redis.hmget(`${name}:${valueOf(request)}`, 'record', 'activity');
      if (!record || Number(activity) < Date.now()) return undefined;
      return (JSON.parse(record) as { userId: string }).userId;
    },
    issue: async (userId) => {
      const id = randomUUID();
      const record = JSON.stringify({ userId, data: DATA, amr: ['pwd'], userAgent: 'x'.repeat(110), ip: '192.0.2.1' });
      await redis.hset(`${name}:${id}`, { record, activity: String(Date.now() + IDLE_MS) });
      return `session=${id}`;
    },
    close: async () => redis.disconnect(),
  };
}

/** All lookups of one turn of the event loop in one prepared select, and nothing else. */
async function select({ postgresUrl, name }: ServerSettings): Promise<Peer> {
  const pool = new Pool({ connectionString: postgresUrl, max: 10 });
  await pool.query(`create schema ${name}`);
  await pool.query(
    `create table ${name}.sessions (id uuid primary key, user_id text, data jsonb, expires_at timestamptz)`,
  );
  const text = `select id, user_id, data from ${name}.sessions where id = any($1) and expires_at > now()`;
  let waiting = new Map<string, ((userId: string | undefined) => void)[]>();
  const send = async () => {
    const sent = waiting;
    waiting = new Map();
    const { rows } = await pool.query<{ id: string; user_id: string }>({
      name: 'find',
      text,
      values: [[...sent.keys()]],
    });
    const found = new Map(rows.map(({ id, user_id }) => [id, user_id]));
    for (const [id, callers] of sent) for (const resolve of callers) resolve(found.get(id));
  };
  return {
    findUser: (request) =>
      new Promise((resolve) => {
        if (waiting.size === 0) setImmediate(() => void send());
        const id = valueOf(request);
        waiting.set(id, [...(waiting.get(id) ?? []), resolve]);
      }),
    issue: async (userId) => {
      const id = randomUUID();
      await pool.query(`insert into ${name}.sessions values ($1, $2, $3, now() + interval '1 day')`, [
        id,
        userId,
        DATA,
      ]);
      return `session=${id}`;
    },
    close: () => pool.end(),
  };
}

type ExpressSession = (options: object) => (...args: unknown[]) => void;

async function expressSession(store: object, close: () => Promise<void>): Promise<Peer> {
  const { default: session } = await load<{ default: ExpressSession }>('express-session');
  const cookie = { maxAge: IDLE_MS };
  const handler = session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie });
  return { install: (app) => void app.use(handler), ...ofRequest, close };
}

async function expressSessionRedis({ redisUrl, name }: ServerSettings): Promise<Peer> {
  const { createClient } = await load<{
    createClient: (options: object) => { connect(): Promise<unknown>; destroy(): void };
  }>('redis');
  const { RedisStore } = await load<{ RedisStore: new (options: object) => object }>('connect-redis');
  const client = createClient({ url: redisUrl });
  await client.connect();
  return expressSession(new RedisStore({ client, prefix: `${name}:` }), async () => client.destroy());
}

async function expressSessionPg({ postgresUrl, name }: ServerSettings): Promise<Peer> {
  const { default: connect } = await load<{ default: (session: unknown) => new (options: object) => object }>(
    'connect-pg-simple',
  );
  const { default: session } = await load<{ default: unknown }>('express-session');
  const pool = new Pool({ connectionString: postgresUrl, max: 10 });
  await pool.query(`create schema ${name}`);
  const Store = connect(session);
  const store = new Store({ pool, schemaName: name, createTableIfMissing: true, pruneSessionInterval: false });
  return expressSession(store, () => pool.end());
}

/** `@fastify/session` brings no store for Redis: connect-redis, which its documentation names. */
function fastifySession(rolling: boolean) {
  return async ({ redisUrl, name }: ServerSettings): Promise<Peer> => {
    const { createClient } = await load<{
      createClient: (options: object) => { connect(): Promise<unknown>; destroy(): void };
    }>('redis');
    const { RedisStore } = await load<{ RedisStore: new (options: object) => object }>('connect-redis');
    const { default: cookie } = await load<{ default: object }>('@fastify/cookie');
    const { default: session } = await load<{ default: object }>('@fastify/session');
    const client = createClient({ url: redisUrl });
    await client.connect();
    const options = {
      store: new RedisStore({ client, prefix: `${name}:` }),
      secret: SECRET,
      rolling,
      saveUninitialized: false,
      cookie: { secure: false, maxAge: IDLE_MS },
    };
    return {
      install: async (app) => {
        const fastify = app as INestApplication & { register(plugin: object, options?: object): Promise<unknown> };
        await fastify.register(cookie);
        await fastify.register(session, options);
      },
      ...ofRequest,
      close: async () => client.destroy(),
    };
  };
}

@Entity({ name: 'sessions' })
class PlainSession {
  @PrimaryColumn({ type: 'uuid' }) id: string;
  @Column({ type: 'text' }) userId: string;
  @Column({ type: 'jsonb' }) data: object;
  @Column({ type: 'timestamptz' }) expiresAt: Date;
}

/** What applications write themselves: a repository, one find and one update for each request. */
async function typeorm({ postgresUrl: url, name: schema }: ServerSettings): Promise<Peer> {
  const dataSource = new DataSource({ type: 'postgres', url, schema, entities: [PlainSession], poolSize: 10 });
  await dataSource.initialize();
  await dataSource.query(`create schema ${schema}`);
  await dataSource.synchronize();
  const sessions: Repository<PlainSession> = dataSource.getRepository(PlainSession);
  return {
    findUser: async (request) => {
      const session = await sessions.findOneBy({ id: valueOf(request) });
      if (!session || session.expiresAt.getTime() < Date.now()) return undefined;
      await sessions.update({ id: session.id }, { expiresAt: new Date(Date.now() + IDLE_MS) });
      return session.userId;
    },
    issue: async (userId) => {
      const id = randomUUID();
      await sessions.insert({ id, userId, data: DATA, expiresAt: new Date(Date.now() + IDLE_MS) });
      return `session=${id}`;
    },
    close: () => dataSource.destroy(),
  };
}

interface BetterAuth {
  readonly api: {
    getSession(call: { headers: Headers }): Promise<{ user: { id: string } } | null>;
    signUpEmail(call: { body: object; returnHeaders: true }): Promise<{ headers: Headers }>;
  };
}

async function betterAuthOf(options: object, close: () => Promise<void>): Promise<Peer> {
  const { betterAuth } = await load<{ betterAuth: (options: object) => BetterAuth }>('better-auth');
  const auth = betterAuth({
    secret: SECRET,
    baseURL: 'http://localhost',
    emailAndPassword: { enabled: true, password: { hash: async () => 'hash', verify: async () => true } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    ...options,
  });
  return {
    findUser: async ({ headers }) => {
      const found = await auth.api.getSession({ headers: new Headers({ cookie: headers.cookie ?? '' }) });
      return found?.user.id;
    },
    issue: async (userId) => {
      const body = { email: `${userId}@example.com`, password: 'a password of the benchmark', name: userId };
      const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true });
      return (headers.getSetCookie()[0] ?? '').split(';', 1)[0] ?? '';
    },
    close,
  };
}

interface Migrations {
  getMigrations(this: void, options: object): Promise<{ runMigrations(): Promise<void> }>;
}

async function betterAuthPostgres({ postgresUrl, name }: ServerSettings): Promise<Peer> {
  const setUp = new Client({ connectionString: postgresUrl });
  await setUp.connect();
  await setUp.query(`create schema ${name}`);
  await setUp.end();
  const pool = new Pool({ connectionString: postgresUrl, max: 10, options: `-c search_path=${name}` });
  const { getMigrations } = await load<Migrations>('better-auth/db/migration');
  const migrations = await getMigrations({ database: pool, emailAndPassword: { enabled: true } });
  await migrations.runMigrations();
  return betterAuthOf({ database: pool }, () => pool.end());
}

async function betterAuthRedis(settings: ServerSettings): Promise<Peer> {
  const redis = new Redis(settings.redisUrl);
  const { name } = settings;
  const secondaryStorage = {
    get: (key: string) => redis.get(`${name}:${key}`),
    set: async (key: string, value: string, ttl?: number) => {
      if (ttl) await redis.set(`${name}:${key}`, value, 'EX', ttl);
      else await redis.set(`${name}:${key}`, value);
    },
    delete: async (key: string) => void (await redis.del(`${name}:${key}`)),
  };
  const { memoryAdapter } = await load<{ memoryAdapter: (tables: object) => object }>('better-auth/adapters/memory');
  const database = memoryAdapter({ user: [], session: [], account: [], verification: [] });
  return betterAuthOf({ database, secondaryStorage }, async () => redis.disconnect());
}

export const PEERS: Readonly<Record<PeerVariant, (settings: ServerSettings) => Promise<Peer>>> = {
  hmget,
  select,
  'express-session-redis': expressSessionRedis,
  'express-session-pg': expressSessionPg,
  'fastify-session': fastifySession(false),
  'fastify-session-rolling': fastifySession(true),
  typeorm: typeorm,
  'better-auth-redis': betterAuthRedis,
  'better-auth-postgres': betterAuthPostgres,
};
