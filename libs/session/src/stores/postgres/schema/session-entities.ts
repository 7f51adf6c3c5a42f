import { Entity } from 'typeorm';
import { qualifyTables, type TableOptions } from './identifiers.js';
import { SessionAuditEntity } from './session-audit.entity.js';
import { SessionEntity } from './session.entity.js';

/**
 * Returns the two entities for tables with other names. Call it once per DataSource and register the result.
 *
 * @example
 * ```ts
 * new DataSource({ type: 'postgres', entities: [...sessionEntities({ schema: 'auth' })] });
 * ```
 *
 * @throws {SessionConfigurationError} A name is not a plain identifier.
 */
export function sessionEntities(options: TableOptions = {}): [typeof SessionEntity, typeof SessionAuditEntity] {
  qualifyTables(options, 'sessionEntities');
  const { schema, table = 'sessions', auditTable = 'session_audit' } = options;

  @Entity({ name: table, schema, synchronize: false })
  class NamedSessionEntity extends SessionEntity {}

  @Entity({ name: auditTable, schema, synchronize: false })
  class NamedSessionAuditEntity extends SessionAuditEntity {}

  return [NamedSessionEntity, NamedSessionAuditEntity];
}
