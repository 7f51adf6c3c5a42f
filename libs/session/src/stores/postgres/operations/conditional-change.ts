import { runOperation } from '../connection/operation.js';
import { unavailable } from '../connection/postgres-errors.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { interval, isAfterCutoff } from '../connection/sql-expressions.js';
import type { Query } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { toDate, toEndedMany, toRecord, type SessionRow } from '../schema/session-row.js';

/** The rows that a statement may end: live sessions, or all that have not ended. */
export type Endable = 'live' | 'not-ended';

/** SQL for whether a session, aliased `s`, is live at the moment of evaluation. */
export function isLive(tables: TableNames): string {
  return `s.ended_at is null and s.expires_at > clock_timestamp() and ${isAfterCutoff(tables)}`;
}

/** Data that was made unreadable by hand is never changed for its session, which can only be ended. */
export const IS_DECODABLE = `jsonb_typeof(s.data) = 'object'`;

/**
 * Joins the row of `lockedRow`. Needs a column of each side, so that it cannot be evaluated before the wait for the lock:
 * Postgres evaluates the conditions on a row again after a wait only if the row was changed meanwhile.
 */
export const IS_STILL_LIVE_AND_WANTED = `s.id = locked.id and clock_timestamp() < least(s.expires_at, locked.given_up_at)`;

/** SQL for the instant at which the caller gives up, so many ms after the statement was sent. */
export function givenUpAt(timeLeftMs: string): string {
  return `statement_timestamp() + ${interval(timeLeftMs)} as given_up_at`;
}

/**
 * Locks the row of an id if it is live and as expected. A change that waits for the lock until its caller has given up
 * must not apply: a rotation would sign the user out.
 */
export function lockedRow(
  tables: TableNames,
  p: { readonly id: string; readonly timeLeftMs: string },
  expected: string,
): string {
  return `locked as materialized (
  select s.id, ${givenUpAt(p.timeLeftMs)}
  from ${tables.sessions} s
  where s.id = ${p.id} and ${expected} and ${isLive(tables)} and ${IS_DECODABLE}
  for no key update of s
)`;
}

/**
 * Runs a change that returns a row if it applied.
 *
 * @param query - Is given the ms until the caller gives up, once there is a connection to send the statement on.
 * @throws {SessionStoreUnavailableError} Also when the change did not apply because its time had run out.
 */
export async function runChange(
  { pool, timeoutMs }: { readonly pool: PostgresPool; readonly timeoutMs: number },
  query: (timeLeftMs: number) => Query,
) {
  const row = await runOperation({ timeoutMs }, async (operation) => {
    const [changed] = await pool.query<SessionRow & { ended?: string }>(operation, () => query(operation.remainingMs));
    if (!changed && operation.remainingMs <= 0) throw unavailable(`no answer within ${timeoutMs} ms`);
    return changed;
  });
  const record = row && toRecord(row);
  return record && { record, now: toDate(row.now_ms), ended: toEndedMany(row.ended) };
}
