import { Logger, type INestApplication } from '@nestjs/common';
import { randomBytes, scryptSync, type KeyObject } from 'node:crypto';
import { Redis } from 'ioredis';
import { SessionService } from 'nest-sessions';
import type { StepUpRequired } from '#src/core/events/security-events.js';
import { Client } from 'pg';
import { readDemoConfig, type DemoConfig } from '../../../apps/demo/src/config/demo-config.js';
import { createDemoApp } from '../../../apps/demo/src/create-demo-app.js';
import { sessionStoreFor } from '../../../apps/demo/src/session-store.js';
import { DEMO_USERS } from '../../../apps/demo/src/users/demo-users.js';
import { getServerUrl } from '../../support/servers.js';
import { StoreSwitches } from './controllable-store.js';
import { DemoVisitor, type Answer, type VisitorOptions } from './demo-visitor.js';
import { LogCapture } from './log-capture.js';

export type StoreKind = 'memory' | 'redis' | 'postgres' | 'hybrid';

export interface DemoWorldOptions {
  readonly store: StoreKind;
  /** Default Express. */
  readonly httpAdapter?: 'express' | 'fastify';
  /** How many start at the same time on the same data; the first one is used. Default 1. */
  readonly instances?: number;
  /** More of the demo's environment. */
  readonly env?: Record<string, string>;
}

/** The demo, listening on a free port, with a schema and a key prefix of its own. */
export class DemoWorld {
  readonly logs = new LogCapture();
  readonly answers: Answer[] = [];
  readonly switches = new StoreSwitches();
  readonly stepUps: StepUpRequired[] = [];
  private apps: INestApplication[] = [];
  private codesAtMs = Date.now();

  private constructor(
    readonly schema: string,
    readonly config: DemoConfig,
    /** A connection of the test's own, which sees the world's tables without a schema's name. */
    readonly sql: Client,
    readonly redis: Redis,
  ) {}

  static async start({
    store,
    httpAdapter = 'express',
    instances = 1,
    env = {},
  }: DemoWorldOptions): Promise<DemoWorld> {
    const schema = `demo_${randomBytes(8).toString('hex')}`;
    const databaseUrl = getServerUrl('TEST_POSTGRES_URL');
    const redisUrl = getServerUrl('TEST_REDIS_URL');
    const config = readDemoConfig({
      SESSION_STORE: store,
      HTTP_ADAPTER: httpAdapter,
      DATABASE_URL: databaseUrl,
      DATABASE_SCHEMA: schema,
      REDIS_URL: redisUrl,
      SECOND_FACTOR_KEY: randomBytes(32).toString('base64'),
      ...env,
    });
    const sql = new Client({ connectionString: databaseUrl });
    await sql.connect();
    await sql.query(`create schema "${schema}"`);
    await sql.query(`set search_path to "${schema}"`);
    const world = new DemoWorld(schema, config, sql, new Redis(redisUrl));
    await world.boot(instances);
    await world.cheapenPasswords();
    return world;
  }

  get url(): string {
    const address = this.application.getHttpServer().address() as { port: number };
    return `http://localhost:${address.port}`;
  }

  get keyPrefix(): string {
    return this.schema;
  }

  /** The clock that codes of second factors are made and checked by. It stands still, so that none goes stale meanwhile. */
  readonly nowMs = (): number => this.codesAtMs;

  /** Codes are accepted once, so that the next one needs the next step of 30 seconds. */
  advanceCodes(steps = 1): void {
    this.codesAtMs += steps * 30_000;
  }

  get service(): SessionService {
    return this.application.get(SessionService);
  }

  /** Somebody at a browser of their own. */
  visitor(options: Pick<VisitorOptions, 'userAgent'> = {}): DemoVisitor {
    return new DemoVisitor({ ...options, baseUrl: this.url, onAnswer: (answer) => this.answers.push(answer) });
  }

  /** Ends the application and starts it again on the same data. */
  async restart(): Promise<void> {
    await this.closeApps();
    await this.boot();
  }

  async close(): Promise<void> {
    await this.closeApps();
    await this.sql.query(`drop schema "${this.schema}" cascade`);
    await this.sql.end();
    const keys = await this.listKeys();
    if (keys.length > 0) await this.redis.del(keys);
    await this.redis.quit();
  }

  async listKeys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const batch of this.redis.scanStream({ match: `${this.keyPrefix}:*`, count: 1000 })) {
      keys.push(...(batch as string[]));
    }
    return keys;
  }

  private async boot(instances = 1): Promise<void> {
    // What is said before Nest takes the logger over, such as of several DataSources in this one process.
    Logger.overrideLogger(this.logs);
    const starting = Array.from({ length: instances }, async () => {
      const app = await createDemoApp({
        config: this.config,
        databaseUrl: this.config.databaseUrl ?? '',
        logger: this.logs,
        secondFactorKey: this.secondFactorKey,
        nowMs: this.nowMs,
        store: this.switches.wrap(sessionStoreFor(this.config, { keyPrefix: this.keyPrefix })),
      });
      this.apps.push(app);
      app.get(SessionService).events.on('step-up-required', (event) => {
        this.stepUps.push(event);
      });
      await app.listen(0, 'localhost');
    });
    await Promise.all(starting);
  }

  private async closeApps(): Promise<void> {
    await Promise.all(this.apps.splice(0).map((app) => app.close()));
  }

  /** The same passwords, with hashes that cost less to check, because these tests sign in hundreds of times. */
  private async cheapenPasswords(): Promise<void> {
    for (const { email, password } of DEMO_USERS) {
      const key = scryptSync(password, 'salt', 32, { N: 2, r: 1, p: 1 }).toString('base64url');
      const hash = `$scrypt$ln=1,r=1,p=1$${Buffer.from('salt').toString('base64url')}$${key}`;
      await this.sql.query('update users set password_hash = $1 where email = $2', [hash, email]);
    }
  }

  private get secondFactorKey(): KeyObject {
    const { secondFactorKey } = this.config;
    if (!secondFactorKey) throw new Error('the configuration has no SECOND_FACTOR_KEY');
    return secondFactorKey;
  }

  private get application(): INestApplication {
    const [app] = this.apps;
    if (!app) throw new Error('the demo has not started');
    return app;
  }
}
