import { MigrationExecutor, type DataSource, type Migration } from 'typeorm';
import { MIGRATION_LOCK } from './migration-sql.js';

/**
 * Runs all pending migrations of a DataSource under a lock. When several processes start at once, the first runs them and
 * the others find them done. TypeORM's own `runMigrations()` has no such lock, so that only one process would succeed.
 *
 * It uses one connection and one transaction. Run migrations that need to be outside a transaction separately.
 *
 * @example
 * ```ts
 * await dataSource.initialize();
 * await runMigrationsOnce(dataSource);
 * ```
 * @returns The migrations that this call ran.
 */
export async function runMigrationsOnce(dataSource: DataSource): Promise<Migration[]> {
  const queryRunner = dataSource.createQueryRunner('master');
  try {
    await queryRunner.startTransaction('READ COMMITTED');
    await queryRunner.query(MIGRATION_LOCK);
    const ran = await new MigrationExecutor(dataSource, queryRunner).executePendingMigrations();
    await queryRunner.commitTransaction();
    return ran;
  } catch (error) {
    if (queryRunner.isTransactionActive) await queryRunner.rollbackTransaction();
    throw error;
  } finally {
    await queryRunner.release();
  }
}
