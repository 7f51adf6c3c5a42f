export { PostgresDurableSessions } from './durable/postgres-durable-sessions.js';
export { postgresDurableSessions, type PostgresDurableOptions } from './durable/postgres-durable.js';
export { PostgresSessionStore } from './postgres-session.store.js';
export {
  postgresStore,
  type PostgresDefinition,
  type PostgresSource,
  type PostgresStoreOptions,
  type PostgresStoreSettings,
} from './postgres-store.js';
export { runMigrationsOnce } from './run-migrations.js';
export { SessionAuditEntity, type SessionAuditEvent } from './session-audit.entity.js';
export { sessionEntities } from './session-entities.js';
export { sessionMigrations, type SessionMigrationOptions } from './session-migrations.js';
export { SessionEntity } from './session.entity.js';
export type { TableOptions } from './identifiers.js';
export type { UserIdType } from './user-id-type.js';
