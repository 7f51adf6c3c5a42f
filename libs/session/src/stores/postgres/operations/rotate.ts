import type { RotateOutcome, SessionRotation } from '../../../core/ports/session-store.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { CLOCK_TIME, interval, isAfterCutoff, purgeHour } from '../connection/sql-expressions.js';
import { defineStatement, type Placeholders, type Query } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import {
  AUTHENTICATION_PARAMETERS,
  authenticationValues,
  ENDED_COLUMNS,
  RECORD_COLUMNS,
} from '../schema/session-row.js';
import { auditEnded, auditInsert, type AuditSource } from './audit-insert.js';
import {
  givenUpAt,
  IS_DECODABLE,
  IS_STILL_LIVE_AND_WANTED,
  isLive,
  lockedRow,
  runChange,
  type Endable,
} from './conditional-change.js';
import type { PostgresSessionFinder } from './find.js';

const ROTATION = { id: 'uuid', expectedHash: 'bytea', timeLeftMs: 'float8', tokenHash: 'bytea' } as const;

const FRESH_AUTHENTICATION = {
  amr: 'text[]',
  idleTimeoutMs: 'float8',
  absoluteTimeoutMs: 'float8',
  ...AUTHENTICATION_PARAMETERS,
} as const;

/** For the user's other sessions, which end. */
const END_OF_OTHERS = { reason: 'text', endedBy: 'text', retentionMs: 'float8' } as const;

/**
 * Each returns the session if its hash was replaced, and no row when it is not live or of another hash, or too late.
 *
 * @param endable - The user's other sessions that end with the `…Alone` statements, as in `createStatements`.
 */
export function rotateStatements(tables: TableNames, endable: Endable) {
  const rotated = { event: 'session.rotated' } as const;
  const reauthenticated = { event: 'session.reauthenticated' } as const;
  return {
    /** Leaves no audit row. */
    rehash: defineStatement('rehash', ROTATION, (p) => rotateText(tables, p)),

    rotate: defineStatement('rotate', ROTATION, (p) => rotateText(tables, p, rotated)),

    reauthenticate: defineStatement('reauthenticate', { ...ROTATION, ...FRESH_AUTHENTICATION }, (p) =>
      rotateText(tables, p, { ...reauthenticated, set: freshAuthentication(p) }),
    ),

    rotateAlone: defineStatement('rotate-alone', { ...ROTATION, ...END_OF_OTHERS }, (p) =>
      rotateAloneText(tables, p, { ...rotated, endable }),
    ),

    reauthenticateAlone: defineStatement(
      'reauthenticate-alone',
      { ...ROTATION, ...FRESH_AUTHENTICATION, ...END_OF_OTHERS },
      (p) => rotateAloneText(tables, p, { ...reauthenticated, set: freshAuthentication(p), endable }),
    ),
  };
}

interface Transition {
  readonly event: AuditSource['event'];
  readonly set?: string;
}

function rotateText(tables: TableNames, p: Placeholders<typeof ROTATION>, transition?: Transition): string {
  const { sessions, audit } = tables;
  const auditing =
    transition &&
    `,
audit as (${auditInsert(audit, { from: 'rotated', event: transition.event, at: CLOCK_TIME })})`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
${lockedRow(tables, p, `s.token_hash = ${p.expectedHash}`)},
rotated as (
  update ${sessions} s set token_hash = ${p.tokenHash}, version = s.version + 1${transition?.set ?? ''}
  from clock, locked
  where ${IS_STILL_LIVE_AND_WANTED}
  returning s.*
)${auditing ?? ''}
select ${RECORD_COLUMNS} from rotated s`;
}

/**
 * Like `rotateText`, and the other sessions of the same user end in the same statement. All rows are locked first, in the
 * order of their ids like everywhere, so that two statements cannot deadlock.
 */
function rotateAloneText(
  tables: TableNames,
  p: Placeholders<typeof ROTATION & typeof END_OF_OTHERS>,
  { event, set = '', endable }: Transition & { readonly endable: Endable },
): string {
  const { sessions, audit } = tables;
  const isEndable = endable === 'live' ? isLive(tables) : `s.ended_at is null and ${isAfterCutoff(tables)}`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
locked as materialized (
  select s.id, ${givenUpAt(p.timeLeftMs)}
  from ${sessions} s
  where (s.id = ${p.id} and s.token_hash = ${p.expectedHash} and ${isLive(tables)} and ${IS_DECODABLE})
    or (s.id <> ${p.id} and s.user_id = (select o.user_id from ${sessions} o where o.id = ${p.id}) and ${isEndable})
  order by s.id
  for no key update of s
),
rotated as (
  update ${sessions} s set token_hash = ${p.tokenHash}, version = s.version + 1${set}
  from clock, locked
  where s.id = ${p.id} and ${IS_STILL_LIVE_AND_WANTED}
  returning s.*
),
ended as (
  update ${sessions} s
  set ended_at = least(clock.at, s.expires_at), ended_by = case when s.expires_at > clock.at then ${p.endedBy} end,
    end_reason = case when s.expires_at > clock.at then ${p.reason} else 'expired' end,
    purge_after = clock.at + ${interval(p.retentionMs)}
  from clock, locked
  where s.id = locked.id and s.id <> ${p.id} and ${isEndable} and exists (select from rotated)
  returning s.*
),
audit as (${auditInsert(audit, { from: 'rotated', event, at: CLOCK_TIME })}),
ended_audit as (${auditEnded(audit, 'ended')})
select ${RECORD_COLUMNS},
  (select coalesce(json_agg(e), '[]') from (select ${ENDED_COLUMNS} from ended s where s.end_reason <> 'expired') e)::text
    as ended
from rotated s`;
}

function freshAuthentication(p: Placeholders<typeof FRESH_AUTHENTICATION>): string {
  const expiresAt = `clock.at + ${interval(`least(${p.idleTimeoutMs}, ${p.absoluteTimeoutMs})`)}`;
  return `, amr = ${p.amr}, authenticated_at = clock.at, last_seen_at = greatest(s.last_seen_at, clock.at),
    absolute_expires_at = clock.at + ${interval(p.absoluteTimeoutMs)}, expires_at = ${expiresAt},
    purge_after = ${purgeHour(expiresAt)}, assurance_level = ${p.assuranceLevel},
    awaits_second_factor = ${p.awaitsSecondFactor}, idp_issuer = ${p.idpIssuer}, idp_session_id = ${p.idpSessionId},
    idp_authenticated_at = ${p.idpAuthenticatedAt}`;
}

export interface SessionRotatorParts {
  readonly pool: PostgresPool;
  readonly statements: ReturnType<typeof rotateStatements>;
  readonly finder: PostgresSessionFinder;
  readonly timeoutMs: number;
  readonly retentionMs: number;
}

/** Replaces token hashes of live sessions. A second statement asks why a rotation did not apply. */
export class PostgresSessionRotator {
  constructor(private readonly parts: SessionRotatorParts) {}

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    const rotated = await runChange(this.parts, this.bind(rotation));
    if (rotated) return { applied: true, ...rotated };
    const found = await this.parts.finder.find(rotation.id);
    return { applied: false, reason: found.live ? 'superseded' : 'absent' };
  }

  private bind({ cause, authentication: renewed, endOthers, ...rotation }: SessionRotation) {
    const { statements, retentionMs } = this.parts;
    const { id } = rotation;
    const hashes = {
      expectedHash: Buffer.from(rotation.expectedTokenHash),
      tokenHash: Buffer.from(rotation.tokenHash),
    };
    const fresh = renewed && {
      amr: [...renewed.amr],
      idleTimeoutMs: renewed.idleTimeoutMs,
      absoluteTimeoutMs: renewed.absoluteTimeoutMs,
      ...authenticationValues(renewed),
    };
    const end = endOthers && { reason: endOthers.reason, endedBy: endOthers.endedBy, retentionMs };
    return (timeLeftMs: number): Query => {
      const values = { id, ...hashes, timeLeftMs };
      if (end) {
        return fresh
          ? statements.reauthenticateAlone.bind({ ...values, ...fresh, ...end })
          : statements.rotateAlone.bind({ ...values, ...end });
      }
      if (fresh) return statements.reauthenticate.bind({ ...values, ...fresh });
      return statements[cause === 'rehash' ? 'rehash' : 'rotate'].bind(values);
    };
  }
}
