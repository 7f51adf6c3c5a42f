import type { INestApplication, LoggerService } from '@nestjs/common';
import { closeApp } from './close-app.js';
import type { DemoConfig } from './config/demo-config.js';
import { createDemoApp } from './create-demo-app.js';
import { openDatabase, type OpenDatabase } from './database/open-database.js';
import { openRedis, type OpenRedis } from './redis/open-redis.js';
import { openSecondFactorKey, type OpenSecondFactorKey } from './second-factor/open-second-factor-key.js';
import { sessionStoreFor } from './session-store.js';
import { DEMO_USERS } from './users/demo-users.js';

export interface RunningDemo {
  /** Where to open it. */
  readonly url: string;
  /** Resolves once the embedded database has ended without `stop`: nothing works from then on. */
  readonly databaseLost: Promise<void>;
  /** Finishes the open requests, then stops the application and the servers that were started for it. */
  stop(): Promise<void>;
}

const CONTEXT = 'Demo';

/** Starts everything, or stops again what had started and rejects. */
export async function startDemo(config: DemoConfig, logger: LoggerService): Promise<RunningDemo> {
  const say = (line: string) => logger.log(line, CONTEXT);
  const database = await openDatabase(config, say);
  let redis: OpenRedis | undefined;
  let secondFactorKey: OpenSecondFactorKey;
  let app: INestApplication | undefined;
  const stop = async () => {
    if (app) await closeApp(app);
    await Promise.all([redis?.stop(), database.stop()]);
  };
  try {
    // After the database: the process that holds its folder also owns the folder beside it.
    redis = await openRedis(config);
    secondFactorKey = await openSecondFactorKey(config);
    const store = sessionStoreFor(config, { redisUrl: redis?.url });
    const { key } = secondFactorKey;
    app = await createDemoApp({ config, databaseUrl: database.url, logger, store, secondFactorKey: key });
    await app.listen(config.port, config.host);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = urlOf(app, config);
  for (const line of describe({ config, database, redis, secondFactorKey, url })) say(line);
  return { url, databaseLost: database.lost, stop };
}

interface Whereabouts {
  readonly config: DemoConfig;
  readonly database: OpenDatabase;
  readonly redis: OpenRedis | undefined;
  readonly secondFactorKey: OpenSecondFactorKey;
  readonly url: string;
}

function describe({ config, database, redis, secondFactorKey, url }: Whereabouts): string[] {
  const { kind, reason } = config.sessionStore;
  const where = {
    memory: 'memory, gone when this process ends',
    redis: redis?.description,
    postgres: 'Postgres, beside the users',
    hybrid: `Postgres, beside the users, with hot copies and their data in ${redis?.description}`,
  };
  return [
    `Sessions are kept in ${where[kind]}: ${reason}.`,
    `Users are kept in ${database.description}.`,
    `Their authenticator apps' secrets are sealed under ${secondFactorKey.description}.`,
    ...DEMO_USERS.map(({ email, password }) => `Sign in as ${email} with the password ${password}`),
    `Open ${url}`,
  ];
}

function urlOf(app: INestApplication, { host }: DemoConfig): string {
  const address = app.getHttpServer().address() as { port: number };
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${address.port}`;
}
