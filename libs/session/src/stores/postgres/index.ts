export {
  postgresStore,
  type PostgresSource,
  type PostgresStoreOptions,
  type PostgresStoreSettings,
} from './store/postgres-store.js';
export { runMigrationsOnce } from './schema/run-migrations.js';
export { SessionAuditEntity, type SessionAuditEvent } from './schema/session-audit.entity.js';
export { sessionEntities } from './schema/session-entities.js';
export { sessionMigrations, type SessionMigrationOptions } from './schema/session-migrations.js';
export { SessionEntity } from './schema/session.entity.js';
export type { TableOptions } from './schema/identifiers.js';
export type { UserIdType } from './schema/user-id-type.js';
