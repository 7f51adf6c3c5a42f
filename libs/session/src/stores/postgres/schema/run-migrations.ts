import { MigrationExecutor, type DataSource, type Migration } from 'typeorm';
import { MIGRATION_LOCK } from './migration-sql.js';

/**
 * Runs all pending migrations of a DataSource while no other process does: the first one runs them, the others find them
 * done. TypeORM's own `runMigrations()` has no such lock, and of several first starts all but one fail.
 *
 * Uses one connection and one transaction; migrations that refuse a transaction have to be run otherwise.
 *
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
