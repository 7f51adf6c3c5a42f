import { createHash } from 'node:crypto';
import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import { KeyedQueue } from '../../../core/support/keyed-queue.js';
import type { Operation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { CLOCK_TIME, cutoffOf, interval, isAfterCutoff, purgeHour } from '../connection/sql-expressions.js';
import { defineStatement, type Placeholders, type Values } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import {
  AUTHENTICATION_PARAMETERS,
  authenticationValues,
  ENDED_COLUMNS,
  RECORD_COLUMNS,
  toDate,
  toEndedMany,
  toRecord,
  type SessionRow,
} from '../schema/session-row.js';
import type { UserIdType } from '../schema/user-id-type.js';
import { auditEnded, auditInsert } from './audit-insert.js';
import type { Endable } from './conditional-change.js';

export interface CreateSettings {
  readonly userIdType: UserIdType;
  /** With `not-ended`, expired sessions in the way are ended too: as expired, and without being reported. */
  readonly endable: Endable;
}

function createParameters(userIdType: UserIdType) {
  return {
    id: 'uuid',
    userId: userIdType,
    tokenHash: 'bytea',
    data: 'jsonb',
    amr: 'text[]',
    ipAddress: 'inet',
    userAgent: 'text',
    device: 'text',
    idleTimeoutMs: 'float8',
    absoluteTimeoutMs: 'float8',
    replacedId: 'uuid',
    retentionMs: 'float8',
    ...AUTHENTICATION_PARAMETERS,
  } as const;
}

const LIMIT_PARAMETERS = {
  /** The most live sessions of the user. */
  max: 'bigint',
  /** Whether the oldest give way; sessions that await their second factor go first. */
  makesRoom: 'boolean',
} as const;

type CreateParameters = ReturnType<typeof createParameters>;
type CreatePlaceholders = Placeholders<CreateParameters>;
type LimitPlaceholders = CreatePlaceholders & Placeholders<typeof LIMIT_PARAMETERS>;

/**
 * One statement each: the new session, the end of the session that it replaces and of those that must make room, and
 * the audit rows of all. It returns one row. A null id means that nothing was created, because of the limit or because
 * the id is taken.
 *
 * A session that is created after `revokeEverything` stands even if the clock was set back since: it begins at the
 * cutoff at the earliest.
 *
 * The sessions that leave are given to the table as one array. With `or`, or with a subquery of unknown size, Postgres
 * would read the whole table.
 */
export function createStatements(tables: TableNames, settings: CreateSettings) {
  const parameters = createParameters(settings.userIdType);
  return {
    create: defineStatement('create', parameters, (p) => createText(tables, p, { ...settings, room: UNLIMITED })),

    /**
     * Exact only while the user's lock is held, taken by an earlier statement of the same READ COMMITTED transaction.
     */
    createLimited: defineStatement('create-limited', { ...parameters, ...LIMIT_PARAMETERS }, (p) =>
      createText(tables, p, { ...settings, room: limitText(tables, p, settings) }),
    ),
  };
}

const UNLIMITED = `room as (select true as is_free),
victims as (select null::uuid as id where false)`;

function limitText(tables: TableNames, p: LimitPlaceholders, { endable }: CreateSettings): string {
  const { sessions } = tables;
  const expired = `
  union all
  select s.id from ${sessions} s, clock
  where s.user_id = ${p.userId} and s.ended_at is null and s.expires_at <= clock.at`;
  return `others as (
  select s.id, s.created_at, s.awaits_second_factor from ${sessions} s, clock
  where s.user_id = ${p.userId} and s.ended_at is null and s.expires_at > clock.at
    and s.id is distinct from ${p.replacedId} and ${isAfterCutoff(tables)}
),
room as (select ${p.makesRoom} or (select count(*) from others) < ${p.max} as is_free),
victims as (
  (select id from others order by awaits_second_factor desc, created_at, id
  limit case when ${p.makesRoom} then greatest(0, (select count(*) from others) + 1 - ${p.max}) else 0 end)${
    endable === 'live' ? '' : expired
  }
)`;
}

function createText(
  tables: TableNames,
  p: CreatePlaceholders,
  { endable, room }: CreateSettings & { readonly room: string },
): string {
  const { sessions, audit } = tables;
  const absoluteExpiresAt = `clock.at + ${interval(p.absoluteTimeoutMs)}`;
  const expiresAt = `clock.at + ${interval(`least(${p.idleTimeoutMs}, ${p.absoluteTimeoutMs})`)}`;
  const isEndable = `s.ended_at is null and ${isAfterCutoff(tables)}${
    endable === 'live' ? ' and s.expires_at > clock_timestamp()' : ''
  }`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
${room},
created as (
  insert into ${sessions} (id, user_id, token_hash, data, amr, ip_address, user_agent, device, version,
    created_at, last_seen_at, authenticated_at, absolute_expires_at, expires_at, purge_after, assurance_level,
    awaits_second_factor, idp_issuer, idp_session_id, idp_authenticated_at)
  select ${p.id}, ${p.userId}, ${p.tokenHash}, ${p.data}, ${p.amr}, ${p.ipAddress}, ${p.userAgent}, ${p.device}, 1,
    greatest(clock.at, ${cutoffOf(tables)}), clock.at, case when ${p.userId} is not null then clock.at end,
    ${absoluteExpiresAt}, ${expiresAt}, ${purgeHour(expiresAt)}, ${p.assuranceLevel},
    ${p.awaitsSecondFactor}, ${p.idpIssuer}, ${p.idpSessionId}, ${p.idpAuthenticatedAt}
  from clock, room where room.is_free
  on conflict (id) do nothing
  returning *
),
leaving as (
  select s.id,
    case when s.expires_at <= clock.at then 'expired' when s.id = ${p.replacedId} then 'replaced' else 'evicted' end as reason
  from ${sessions} s, clock
  where s.id = any(array(select id from victims union all select ${p.replacedId})) and s.id <> ${p.id}
    and ${isEndable} and exists (select from created)
  order by s.id
  for no key update of s
),
ended as (
  update ${sessions} s
  set ended_at = least(clock.at, s.expires_at), end_reason = leaving.reason,
    purge_after = clock.at + ${interval(p.retentionMs)}
  from leaving, clock
  where s.id = leaving.id
  returning s.*
),
created_audit as (${auditInsert(audit, { from: 'created', event: 'session.created', at: 'created_at' })}),
ended_audit as (${auditEnded(audit, 'ended')})
select ${RECORD_COLUMNS}, room.is_free,
  (select coalesce(json_agg(e), '[]') from (select ${ENDED_COLUMNS} from ended s where s.end_reason <> 'expired') e)::text as ended
from room left join created s on true`;
}

interface CreateRow extends SessionRow {
  readonly is_free: boolean;
  /** JSON array of `EndedRow`. */
  readonly ended: string;
}

export interface SessionCreatorParts {
  readonly pool: PostgresPool;
  readonly statements: ReturnType<typeof createStatements>;
  readonly retentionMs: number;
}

/**
 * Creates sessions. Without a limit, that is one statement. With a limit, the creations of a user run one after another:
 * a queue orders those of this process, so that they hold one connection at a time, and an advisory lock those of
 * several processes. The insert is a separate statement after the lock, and so sees every session committed before.
 */
export class PostgresSessionCreator {
  private readonly queue = new KeyedQueue();

  constructor(private readonly parts: SessionCreatorParts) {}

  create(session: NewSession, operation: Operation): Promise<CreateOutcome> {
    const { userId, limit } = session;
    if (userId === null || !limit) return this.createAtOnce(session, operation);
    return this.queue.run(userId, () => this.createInTurn({ ...session, userId, limit }, operation));
  }

  private async createAtOnce(session: NewSession, operation: Operation): Promise<CreateOutcome> {
    const { pool, statements } = this.parts;
    return toOutcome(await pool.query<CreateRow>(operation, statements.create.bind(this.valuesOf(session))));
  }

  private createInTurn(session: LimitedSession, operation: Operation): Promise<CreateOutcome> {
    const { max, onLimit } = session.limit;
    const values = { ...this.valuesOf(session), max, makesRoom: onLimit === 'revoke-oldest' };
    const begin = `set local statement_timeout = ${operation.timeoutMs};
      set local idle_in_transaction_session_timeout = ${2 * operation.timeoutMs};
      select pg_advisory_xact_lock(${lockKeyOf(session.userId)})`;
    return this.parts.pool.transaction(operation, begin, async (connection) =>
      toOutcome(await connection.run<CreateRow>(this.parts.statements.createLimited.bind(values))),
    );
  }

  private valuesOf(session: NewSession): Values<CreateParameters> {
    return {
      id: session.id,
      userId: session.userId,
      tokenHash: Buffer.from(session.tokenHash),
      data: JSON.stringify(session.data),
      amr: [...session.amr],
      ipAddress: session.ipAddress,
      userAgent: session.userAgent,
      device: session.device,
      idleTimeoutMs: session.idleTimeoutMs,
      absoluteTimeoutMs: session.absoluteTimeoutMs,
      replacedId: session.replaces ?? null,
      retentionMs: this.parts.retentionMs,
      ...authenticationValues(session),
    };
  }
}

type LimitedSession = NewSession & { readonly userId: string; readonly limit: NonNullable<NewSession['limit']> };

/** A 64-bit number in decimal. Users that share one only wait for each other. */
function lockKeyOf(userId: string): string {
  const digest = createHash('sha256').update('nest-sessions limit\0').update(userId).digest();
  return digest.readBigInt64BE().toString();
}

function toOutcome([row]: readonly CreateRow[]): CreateOutcome {
  if (!row?.is_free) return { created: false, reason: 'limit' };
  const record = row.id === null ? undefined : toRecord(row);
  if (!record) return { created: false, reason: 'id-taken' };
  return { created: true, record, now: toDate(row.now_ms), ended: toEndedMany(row.ended) };
}
