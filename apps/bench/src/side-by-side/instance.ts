import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import type { SessionCleanup, SessionModuleOptions, SessionService, SessionStoreDefinition } from 'nest-sessions';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';

export type StoreName = 'redis' | 'postgres' | 'hybrid';

export interface Servers {
  readonly redisUrl: string;
  readonly postgresUrl: string;
  /** Key prefix and schema, the same for both instances. */
  readonly name: string;
}

/** One application on one build of the library. */
export interface Instance {
  readonly label: string;
  readonly sessions: SessionService;
  readonly cleanup: SessionCleanup;
  close(): Promise<void>;
}

/** A build of the library, loaded from the folder of a checkout. */
export class Build {
  private constructor(
    readonly label: string,
    private readonly folder: string,
    private readonly options: object,
  ) {}

  /** @param options - Module options in the words of that version. */
  static at(label: string, checkout: string, options: object): Build {
    return new Build(label, join(checkout, 'libs/session/dist/esm'), options);
  }

  async migrate(store: StoreName, { postgresUrl, name }: Servers): Promise<void> {
    if (store === 'redis') return;
    const { sessionMigrations } = await this.load<typeof import('nest-sessions/postgres')>('stores/postgres/index.js');
    const migrations = sessionMigrations({ schema: name, userIdType: 'text', hotChanges: store === 'hybrid' });
    const dataSource = await new DataSource({
      type: 'postgres',
      url: postgresUrl,
      schema: name,
      migrations,
    }).initialize();
    await dataSource.query(`create schema if not exists ${name}`);
    await dataSource.runMigrations();
    await dataSource.destroy();
  }

  async start(store: StoreName, servers: Servers): Promise<Instance> {
    const library = await this.load<typeof import('nest-sessions')>('index.js');
    const options = { ...this.options, store: await this.define(store, servers) } as SessionModuleOptions;

    @Module({ imports: [ScheduleModule.forRoot(), library.SessionModule.forRoot(options)] })
    class InstanceModule {}

    const app: INestApplicationContext = await NestFactory.createApplicationContext(InstanceModule, {
      logger: ['error', 'fatal'],
      abortOnError: false,
    });
    return {
      label: this.label,
      sessions: app.get(library.SessionService),
      cleanup: app.get(library.SessionCleanup),
      close: () => app.close(),
    };
  }

  private async define(store: StoreName, { redisUrl, postgresUrl, name }: Servers): Promise<SessionStoreDefinition> {
    const redis = { url: redisUrl, keyPrefix: name, operationTimeout: '5s' } as const;
    const postgres = { url: postgresUrl, schema: name, operationTimeout: '5s' } as const;
    if (store === 'redis')
      return (await this.load<typeof import('nest-sessions/redis')>('stores/redis/index.js')).redisStore(redis);
    if (store === 'postgres') {
      return (await this.load<typeof import('nest-sessions/postgres')>('stores/postgres/index.js')).postgresStore(
        postgres,
      );
    }
    return (await this.load<typeof import('nest-sessions/hybrid')>('stores/hybrid/index.js')).hybridStore({
      redis,
      postgres,
    });
  }

  private load<T>(entry: string): Promise<T> {
    return import(pathToFileURL(join(this.folder, entry)).href) as Promise<T>;
  }
}
