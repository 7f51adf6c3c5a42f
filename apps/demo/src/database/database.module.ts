import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { runMigrationsOnce, sessionMigrations } from 'nest-sessions/postgres';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { DemoConfig } from '../config/demo-config.js';
import { CreateSecondFactors1795300000001 } from '../second-factor/create-second-factors.migration.js';
import { RecoveryCode } from '../second-factor/recovery-code.entity.js';
import { TotpFactor } from '../second-factor/totp-factor.entity.js';
import { CreateUsers1795300000000 } from '../users/create-users.migration.js';
import { User } from '../users/user.entity.js';

export interface DatabaseSettings {
  readonly url: string;
  readonly config: Pick<DemoConfig, 'databaseSchema' | 'sessionStore'>;
}

/**
 * The default DataSource. Migrations run before anything is served; nothing else changes the schema.
 *
 * What the hybrid store adds stays when another store is taken for a while: the changes recorded meanwhile are what its
 * copies in Redis have to follow when it is taken again.
 */
@Module({})
export class DatabaseModule {
  static register({ url, config }: DatabaseSettings): DynamicModule {
    const schema = config.databaseSchema;
    const users = { schema, table: 'users', column: 'id' };
    const { kind } = config.sessionStore;
    const sessionTables = sessionMigrations({ schema, userIdType: 'bigint', users, hotChanges: kind === 'hybrid' });
    const needsSessionTables = kind === 'postgres' || kind === 'hybrid';
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({
            type: 'postgres' as const,
            url,
            schema,
            applicationName: 'nest-sessions-demo',
            entities: [User, TotpFactor, RecoveryCode],
            migrations: [
              CreateUsers1795300000000,
              CreateSecondFactors1795300000001,
              ...(needsSessionTables ? sessionTables : []),
            ],
            connectTimeoutMS: 5000,
            extra: { query_timeout: 10_000 },
            // A database that is not there is reported at once; what starts this application may try again.
            toRetry: () => false,
          }),
          dataSourceFactory: openMigrated,
        }),
      ],
    };
  }
}

/** Of several instances that start at once, one migrates and the others wait. */
async function openMigrated(options?: DataSourceOptions): Promise<DataSource> {
  if (!options) throw new Error('the DataSource needs its options');
  const dataSource = await new DataSource(options).initialize();
  try {
    await runMigrationsOnce(dataSource);
  } catch (error) {
    await dataSource.destroy();
    throw error;
  }
  return dataSource;
}
