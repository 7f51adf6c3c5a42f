import type {
  ProviderRevocation,
  SessionRevocation,
  TotalRevocation,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { CLOCK_TIME, interval, isAfterCutoff, unixMs } from '../connection/sql-expressions.js';
import { defineStatement, type Placeholders, type Query } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { ENDED_COLUMNS, toDate, toEnded, type EndedRow } from '../schema/session-row.js';
import type { UserIdType } from '../schema/user-id-type.js';
import { auditEnded } from './audit-insert.js';
import { isLive, type Endable } from './conditional-change.js';

export interface EndSettings {
  readonly userIdType: UserIdType;
  /** With `not-ended`, expired sessions are ended too, and `minAgeMs` of a revocation is respected. */
  readonly endable: Endable;
}

const HOW = { reason: 'text', endedBy: 'text', retentionMs: 'float8' } as const;

/** Of the durable statements only, because the others have no use for it. */
type MinAge = { readonly minAgeMs: 'float8' };

/** All return the sessions that they ended, and write the audit rows. A null user id stands for any user. */
export function endStatements(tables: TableNames, { userIdType, endable }: EndSettings) {
  const isDurable = endable === 'not-ended';
  const prefix = isDurable ? 'durable-' : '';
  const minAge = (isDurable ? { minAgeMs: 'float8' } : {}) as MinAge;
  const endMany = isDurable ? endNotEnded : endLive;
  const isOldEnough = (p: Placeholders<MinAge>) =>
    isDurable ? ` and s.created_at <= clock.at - ${interval(p.minAgeMs)}` : '';
  return {
    revoke: defineStatement(`${prefix}revoke`, { id: 'uuid', userId: userIdType, ...HOW }, (p) => {
      const condition = `s.id = ${p.id} and (${p.userId} is null or s.user_id = ${p.userId})`;
      return isDurable ? endNotEnded(tables, p, condition) : endOneLive(tables, p, condition);
    }),

    revokeAll: defineStatement(
      `${prefix}revoke-all`,
      { userId: userIdType, exceptId: 'uuid', ...HOW, ...minAge },
      (p) => endMany(tables, p, `s.user_id = ${p.userId} and s.id is distinct from ${p.exceptId}${isOldEnough(p)}`),
    ),

    revokeByIdentityProvider: defineStatement(
      `${prefix}revoke-by-identity-provider`,
      { issuer: 'text', sessionId: 'text', ...HOW, userId: userIdType, ...minAge },
      (p) =>
        endMany(
          tables,
          p,
          `s.idp_session_id = ${p.sessionId} and s.idp_issuer = ${p.issuer}
    and (${p.userId} is null or s.user_id = ${p.userId})${isOldEnough(p)}`,
        ),
    ),

    revokeEverything: revokeEverythingStatement(tables),
  };
}

type How = Placeholders<typeof HOW>;

function endOneLive(tables: TableNames, p: How, condition: string): string {
  return `with ended as (
  update ${tables.sessions} s set ${endNow(p)}
  where ${condition} and ${isLive(tables)}
  returning s.*
),
audited as (${auditEnded(tables.audit, 'ended')})
select ${ENDED_COLUMNS} from ended s`;
}

/** Locks in the order of the ids. */
function endLive(tables: TableNames, p: How, condition: string): string {
  return `with leaving as (
  select s.id from ${tables.sessions} s
  where ${condition} and ${isLive(tables)}
  order by s.id
  for no key update
),
ended as (
  update ${tables.sessions} s set ${endNow(p)}
  from leaving where s.id = leaving.id
  returning s.*
),
audited as (${auditEnded(tables.audit, 'ended')})
select ${ENDED_COLUMNS} from ended s`;
}

function endNow(p: How): string {
  return `ended_at = ${CLOCK_TIME}, end_reason = ${p.reason}, ended_by = ${p.endedBy},
    purge_after = ${CLOCK_TIME} + ${interval(p.retentionMs)}`;
}

/**
 * Ends all sessions that have not ended, in the order of the ids. Expired ones are ended as expired, and are not among
 * the rows returned: a touch from before the expiry that is still on its way must not bring a revoked session back.
 */
function endNotEnded(tables: TableNames, p: How, condition: string): string {
  return `with clock as materialized (select ${CLOCK_TIME} as at),
leaving as (
  select s.id, s.expires_at > clock.at as is_live
  from ${tables.sessions} s, clock
  where ${condition} and s.ended_at is null and ${isAfterCutoff(tables)}
  order by s.id
  for no key update of s
),
ended as (
  update ${tables.sessions} s
  set ended_at = least(clock.at, s.expires_at), purge_after = clock.at + ${interval(p.retentionMs)},
    end_reason = case when leaving.is_live then ${p.reason} else 'expired' end,
    ended_by = case when leaving.is_live then ${p.endedBy} end
  from leaving, clock where s.id = leaving.id
  returning s.*
),
audited as (${auditEnded(tables.audit, 'ended')})
select ${ENDED_COLUMNS} from ended s where s.ended_at < s.expires_at`;
}

/**
 * Inserts one row into a small table, which every other statement reads. A null `before` means now. No row comes back
 * when another one was inserted at the same moment: the statement has to be sent again.
 *
 * Numbers follow each other in the order of the commits, because each is counted from the committed ones. Sessions that
 * began in the same ms count as begun before.
 */
function revokeEverythingStatement({ floors, audit }: TableNames) {
  return defineStatement(
    'revoke-everything',
    { before: 'timestamptz', reason: 'text', endedBy: 'text' },
    (p) => `with clock as materialized (select ${CLOCK_TIME} as at),
floor as (
  insert into ${floors} (id, before, at, reason, ended_by)
  select (select coalesce(max(f.id), 0) + 1 from ${floors} f),
    least(${p.before}, clock.at + interval '1 millisecond'), clock.at, ${p.reason}, ${p.endedBy}
  from clock
  on conflict (id) do nothing
  returning *
),
audited as (
  insert into ${audit} (at, event, reason, actor) select at, 'everything.ended', reason, ended_by from floor
)
select id::text as id, ${unixMs('before')} as before_ms from floor`,
  );
}

interface MinAgeMs {
  /** Only sessions that began at least so many ms before the call. Default all; a plain store ignores it. */
  readonly minAgeMs?: number;
}

export type AgedUserRevocation = UserRevocation & MinAgeMs;
export type AgedProviderRevocation = ProviderRevocation & MinAgeMs;

export interface SessionEnderParts {
  readonly pool: PostgresPool;
  readonly statements: ReturnType<typeof endStatements>;
  readonly timeoutMs: number;
  readonly retentionMs: number;
}

/** Ends sessions, with their audit rows. Once a call has resolved, the end is committed. */
export class PostgresSessionEnder {
  constructor(private readonly parts: SessionEnderParts) {}

  async revoke({ id, userId, reason, endedBy }: SessionRevocation): Promise<EndedSession | undefined> {
    const { statements, retentionMs } = this.parts;
    const query = statements.revoke.bind({ id, userId: userId ?? null, reason, endedBy, retentionMs });
    const [ended] = await this.end(() => query);
    return ended;
  }

  revokeAll(revocation: AgedUserRevocation): Promise<EndedSession[]> {
    const { userId, exceptId = null, reason, endedBy, minAgeMs = 0 } = revocation;
    const { statements, retentionMs } = this.parts;
    const values = { userId, exceptId, reason, endedBy, retentionMs };
    return this.end((waitedMs) => statements.revokeAll.bind({ ...values, minAgeMs: addWait(minAgeMs, waitedMs) }));
  }

  revokeByIdentityProvider(revocation: AgedProviderRevocation): Promise<EndedSession[]> {
    const { statements, retentionMs } = this.parts;
    const { issuer, sessionId, userId = null, reason, endedBy, minAgeMs = 0 } = revocation;
    const values = { issuer, sessionId, reason, endedBy, retentionMs, userId };
    return this.end((waitedMs) =>
      statements.revokeByIdentityProvider.bind({ ...values, minAgeMs: addWait(minAgeMs, waitedMs) }),
    );
  }

  /** @returns Also the number of this end, counted in the order of the commits. */
  revokeEverything({ before, reason, endedBy }: TotalRevocation): Promise<EndedEverything & { epoch: number }> {
    const { pool, statements, timeoutMs } = this.parts;
    const query = statements.revokeEverything.bind({ before: before ?? null, reason, endedBy });
    return runOperation({ timeoutMs }, async (operation) => {
      for (;;) {
        operation.assertNotOver();
        const [row] = await pool.query<{ id: string; before_ms: unknown }>(operation, query);
        if (row) return { before: toDate(row.before_ms), endReason: reason, endedBy, epoch: Number(row.id) };
      }
    });
  }

  private async end(query: (waitedMs: number) => Query): Promise<EndedSession[]> {
    const { pool, timeoutMs } = this.parts;
    const askedAtMs = performance.now();
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.query<EndedRow>(operation, () => query(performance.now() - askedAtMs)),
    );
    return rows.map(toEnded);
  }
}

/** Sessions that began while the call waited for a connection are not meant either. */
function addWait(minAgeMs: number, waitedMs: number): number {
  return minAgeMs > 0 ? minAgeMs + waitedMs : 0;
}
