import { hotChangesTable } from './identifiers.js';
import { MIGRATION_LOCK } from './migration-sql.js';

const AUTHENTICATION = [
  'amr',
  'assurance_level',
  'awaits_second_factor',
  'idp_issuer',
  'idp_session_id',
  'idp_authenticated_at',
];

/** Names of the triggers on the table of sessions. */
export const HOT_TRIGGERS = ['hot_ended', 'hot_changed', 'hot_shortened', 'hot_deleted', 'hot_truncated'] as const;

export interface LocatedTable {
  /** As SQL. */
  readonly quotedSchema: string;
  /** A plain identifier. */
  readonly table: string;
}

/**
 * One command, and so one transaction. It creates a table of changes, and triggers that fill it in the transaction of each
 * change, direct SQL included.
 *
 * Touches fire nothing. They write no column of `hot_changed`, and move `expires_at` forwards only, which the trigger's
 * condition rules out without a function call. The functions run as their owner, so that a role that changes sessions
 * needs no right to write changes.
 *
 * When an earlier `expires_at` is set by hand, `absolute_expires_at` follows, so that neither a touch nor a hot copy can
 * move the session past it. `hot_changed` records that as well.
 */
export function recordHotChangesSql(options: LocatedTable): string {
  const { sessions, hotChanges, record, recordAll, shorten } = namesOf(options);
  const asOwner = 'language plpgsql security definer set search_path = pg_catalog, pg_temp';
  const insert = `insert into ${hotChanges} (session_id, kind, at)`;
  const recordOne = `begin ${insert} values (old.id, tg_argv[0], clock_timestamp()); return null; end`;
  const recordLive = `begin ${insert} select id, tg_argv[0], clock_timestamp() from ${sessions} where ended_at is null;
    return null; end`;
  const shortenOne = `begin update ${sessions} set absolute_expires_at = new.expires_at where id = new.id;
    return null; end`;
  const staysLive = 'old.ended_at is null and new.ended_at is null';
  const followed = ['token_hash', 'user_id', 'absolute_expires_at', 'authenticated_at', ...AUTHENTICATION];
  const rowOf = (version: string) => `(${followed.map((column) => `${version}.${column}`).join(', ')})`;
  return `${MIGRATION_LOCK};
alter table ${sessions} add column if not exists hot_data_version bigint;
create table if not exists ${hotChanges} (
  key bigint generated always as identity primary key,
  session_id uuid not null,
  kind text not null check (kind in ('ended', 'changed')),
  at timestamptz not null
);
create or replace function ${record}() returns trigger ${asOwner} as
  ${quoteText(recordOne)};
create or replace function ${recordAll}() returns trigger ${asOwner} as
  ${quoteText(recordLive)};
create or replace function ${shorten}() returns trigger ${asOwner} as
  ${quoteText(shortenOne)};
revoke execute on function ${record}(), ${recordAll}(), ${shorten}() from public;
${dropTriggersSql(sessions)}
create trigger hot_ended after update of ended_at on ${sessions} for each row
  when (old.ended_at is null and new.ended_at is not null) execute function ${record}('ended');
create trigger hot_changed after update of ${followed.join(', ')} on ${sessions} for each row
  when (${staysLive} and ${rowOf('old')} is distinct from ${rowOf('new')}) execute function ${record}('changed');
create trigger hot_shortened after update of expires_at on ${sessions} for each row
  when (new.expires_at < old.expires_at and ${staysLive} and new.token_hash = old.token_hash
    and new.absolute_expires_at = old.absolute_expires_at) execute function ${shorten}();
create trigger hot_deleted after delete on ${sessions} for each row
  when (old.ended_at is null) execute function ${record}('ended');
create trigger hot_truncated before truncate on ${sessions} for each statement execute function ${recordAll}('ended');`;
}

/** Drops everything that `recordHotChangesSql` created, recorded changes included. */
export function forgetHotChangesSql(options: LocatedTable): string {
  const { sessions, hotChanges, record, recordAll, shorten } = namesOf(options);
  return `${MIGRATION_LOCK};
${dropTriggersSql(sessions)}
drop function if exists ${record}(), ${recordAll}(), ${shorten}();
drop table if exists ${hotChanges};
alter table ${sessions} drop column if exists hot_data_version;`;
}

function dropTriggersSql(sessions: string): string {
  return HOT_TRIGGERS.map((name) => `drop trigger if exists ${name} on ${sessions};`).join('\n');
}

function namesOf({ quotedSchema, table }: LocatedTable) {
  const name = hotChangesTable(table);
  return {
    sessions: `${quotedSchema}."${table}"`,
    hotChanges: `${quotedSchema}."${name}"`,
    record: `${quotedSchema}."${name}_row"`,
    recordAll: `${quotedSchema}."${name}_rows"`,
    shorten: `${quotedSchema}."${name}_limit"`,
  };
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
