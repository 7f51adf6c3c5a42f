import type { SessionEndReason } from '../../../core/session/session-record.js';
import { MAX_TOKEN_STATE_BYTES, TOKEN_HASH_BYTES } from '../../../core/token/token-state.js';
import { qualifyTables, type TableOptions } from './identifiers.js';
import type { UserIdType } from './user-id-type.js';

/** Quoted names. */
export interface UsersReference {
  readonly table: string;
  readonly column: string;
}

export interface CreateTablesOptions extends TableOptions {
  readonly userIdType: UserIdType;
  readonly users: UsersReference | undefined;
}

const END_REASONS: Record<SessionEndReason, true> = {
  logout: true,
  revoked: true,
  replaced: true,
  evicted: true,
  expired: true,
  'rotated-away': true,
  'credential-change': true,
  'idp-logout': true,
  anomaly: true,
  reuse: true,
  undecodable: true,
  admin: true,
};

/** Held until the transaction ends: one of several processes creates the tables, and the others find them. */
export const MIGRATION_LOCK = `select pg_advisory_xact_lock(7305796124387221603)`;

/**
 * One command without parameters, and so one transaction even where TypeORM begins none.
 *
 * `last_seen_at` and `expires_at` are in no index, and pages keep room for new versions of their rows: a touch is a HOT
 * update, which writes to no index.
 */
export function createTablesSql(options: CreateTablesOptions): string {
  const { userIdType, users, schema, table = 'sessions', auditTable = 'session_audit' } = options;
  const { sessions, audit, floors } = qualifyTables(options, 'sessionMigrations');
  const reasons = Object.keys(END_REASONS)
    .map((reason) => `'${reason}'`)
    .join(', ');
  const appendOnly = `${schema === undefined ? '' : `"${schema}".`}"${auditTable}_append_only"`;
  return `${MIGRATION_LOCK};
${schema === undefined ? '' : createSchemaIfMissing(schema)}
create table if not exists ${sessions} (
  id uuid primary key,
  user_id ${userIdType}${users ? ` references ${users.table} (${users.column}) on delete cascade` : ''},
  token_hash bytea not null,
  data jsonb not null default '{}',
  version integer not null default 1,
  created_at timestamptz not null,
  last_seen_at timestamptz not null,
  expires_at timestamptz not null,
  absolute_expires_at timestamptz not null,
  authenticated_at timestamptz,
  amr text[] not null default '{}',
  assurance_level text,
  awaits_second_factor boolean not null default false,
  idp_issuer text,
  idp_session_id text,
  idp_authenticated_at timestamptz,
  ip_address inet,
  user_agent text,
  device text,
  ended_at timestamptz,
  end_reason text,
  ended_by text,
  purge_after timestamptz not null,
  constraint "${table}_token_hash_check" check (octet_length(token_hash) between ${TOKEN_HASH_BYTES} and ${MAX_TOKEN_STATE_BYTES}),
  constraint "${table}_expiry_check" check (expires_at <= absolute_expires_at),
  constraint "${table}_assurance_level_check" check (assurance_level in ('aal1', 'aal2', 'aal3')),
  constraint "${table}_end_check" check ((ended_at is null) = (end_reason is null)),
  constraint "${table}_end_reason_check" check (end_reason in (${reasons}))
) with (fillfactor = 60);
${userIndexes({ sessions, table, hasReference: users !== undefined })}
create index if not exists "${table}_idp" on ${sessions} (idp_session_id, idp_issuer)
  where ended_at is null and idp_session_id is not null;
create index if not exists "${table}_live_purge" on ${sessions} (purge_after) where ended_at is null;
create index if not exists "${table}_ended_purge" on ${sessions} (purge_after) where ended_at is not null;
create table if not exists ${audit} (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  event text not null,
  session_id uuid,
  user_id ${userIdType},
  reason text,
  actor text,
  ip_address inet,
  user_agent text
);
create table if not exists ${floors} (
  id bigint primary key,
  before timestamptz not null,
  at timestamptz not null,
  reason text not null,
  ended_by text
);
create index if not exists "${auditTable}_at" on ${audit} (at);
create index if not exists "${auditTable}_user" on ${audit} (user_id, at);
create or replace function ${appendOnly}() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: rows are written once and leave only by retention', tg_table_name;
end
$$;
drop trigger if exists append_only on ${audit};
create trigger append_only before update on ${audit} for each statement execute function ${appendOnly}();`;
}

/** `create schema if not exists` requires the right to create a schema even if it exists. */
function createSchemaIfMissing(schema: string): string {
  return `do 'begin
  if to_regnamespace(''"${schema}"'') is null then create schema "${schema}"; end if;
end';`;
}

/** Deleting a user looks for ended sessions too, so with a reference the index holds all sessions. */
function userIndexes({ sessions, table, hasReference }: { sessions: string; table: string; hasReference: boolean }) {
  const columns = hasReference ? '(user_id, ended_at)' : '(user_id) where ended_at is null';
  return `create index if not exists "${table}_user" on ${sessions} ${columns};`;
}

/** Drops the tables and everything that belongs to them; the schema stays. */
export function dropTablesSql(options: TableOptions): string {
  const { schema, auditTable = 'session_audit' } = options;
  const { sessions, audit, floors } = qualifyTables(options, 'sessionMigrations');
  return `${MIGRATION_LOCK};
drop table if exists ${floors};
drop table if exists ${audit};
drop function if exists ${schema === undefined ? '' : `"${schema}".`}"${auditTable}_append_only"();
drop table if exists ${sessions};`;
}
