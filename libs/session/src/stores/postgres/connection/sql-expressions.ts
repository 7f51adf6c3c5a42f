const FIRST_INSTANT = `timestamptz '1970-01-01 00:00:00+00'`;
const LAST_INSTANT = `timestamptz '9999-12-31 00:00:00+00'`;

/**
 * SQL for an instant as whole Unix ms, whatever `DateStyle`, `TimeZone` and type parsers the connection has.
 *
 * A value written by hand that no `Date` can hold, such as `infinity`, becomes the first or last instant of 1970 to 9999.
 * An error would fail every lookup that shares the statement.
 */
export function unixMs(expression: string): string {
  return `(date_part('epoch', case when ${expression} > ${LAST_INSTANT} then ${LAST_INSTANT}
    when ${expression} < ${FIRST_INSTANT} then ${FIRST_INSTANT} else ${expression} end) * 1000)::bigint`;
}

/** The start of the transaction, in whole ms like every stored instant. */
export const TRANSACTION_TIME = `date_trunc('milliseconds', now())`;

/** The moment of evaluation, after every wait for a lock. */
export const CLOCK_TIME = `date_trunc('milliseconds', clock_timestamp())`;

/**
 * SQL for whether a session, aliased `s`, began after the last `revokeEverything`. The subquery holds nothing of the row,
 * so that it runs once per statement.
 */
export function isAfterCutoff(tables: { readonly floors: string }): string {
  return `s.created_at >= ${cutoffOf(tables)}`;
}

/** SQL for the revocation cutoff: every session that began before this instant has ended. */
export function cutoffOf({ floors }: { readonly floors: string }): string {
  return `(select coalesce(max(f.before), '-infinity') from ${floors} f)`;
}

/** SQL for a parameter or column of ms, of type `float8`, as an interval. */
export function interval(ms: string): string {
  return `(${ms} * interval '1 millisecond')`;
}

/**
 * SQL for when cleanup may look at a session with this expiry: the next full hour. Most touches then leave the indexed
 * column unchanged and stay HOT. The hour is that of UTC, so that connections of different time zones agree.
 */
export function purgeHour(expiresAt: string): string {
  return `(date_trunc('hour', ${expiresAt}, 'UTC') + interval '1 hour')`;
}
