import { Entity } from 'typeorm';
import { qualifyTables, type TableOptions } from './identifiers.js';
import { SessionAuditEntity } from './session-audit.entity.js';
import { SessionEntity } from './session.entity.js';

/**
 * The two entities for tables that are named otherwise. Register what it returns, once per DataSource.
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
