import { createHash } from 'node:crypto';

/** A statement with the name under which each connection keeps it prepared. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** The name holds a digest of the text: two stores on one pool never share a name for different statements. */
export function defineStatement(operation: string, text: string): Statement {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return { name: `nest-sessions-${operation}-${digest}`, text };
}

const FIRST_INSTANT = `timestamptz '1970-01-01 00:00:00+00'`;
const LAST_INSTANT = `timestamptz '9999-12-31 00:00:00+00'`;

/**
 * SQL for an instant as whole Unix ms, whatever `DateStyle`, `TimeZone` and type parsers the connection has. What somebody
 * put there by hand and no `Date` can say, such as `infinity`, is the first or the last of 1970 to 9999: an error would
 * fail all lookups that share the statement.
 */
export function unixMs(expression: string): string {
  return `(date_part('epoch', case when ${expression} > ${LAST_INSTANT} then ${LAST_INSTANT}
    when ${expression} < ${FIRST_INSTANT} then ${FIRST_INSTANT} else ${expression} end) * 1000)::bigint`;
}

/** The start of the transaction, in whole ms as everything that is stored. */
export const TRANSACTION_TIME = `date_trunc('milliseconds', now())`;

/** The moment of evaluation: after every wait for a lock. */
export const CLOCK_TIME = `date_trunc('milliseconds', clock_timestamp())`;

/**
 * SQL for whether a session, aliased `s`, began since everything was last ended. The subquery has nothing of the row in it, so
 * that it runs once a statement.
 */
export function isAboveFloor(tables: { readonly floors: string }): string {
  return `s.created_at >= ${floorOf(tables)}`;
}

/** SQL for the instant before which everything that began has ended. */
export function floorOf({ floors }: { readonly floors: string }): string {
  return `(select coalesce(max(f.before), '-infinity') from ${floors} f)`;
}

/** SQL for a parameter or column of ms as an interval. */
export function interval(ms: string): string {
  return `(${ms}::float8 * interval '1 millisecond')`;
}

/**
 * SQL for when cleanup may look at a session that expires then: the next full hour, so that most touches leave the
 * indexed column as it is and stay HOT. In UTC, so that connections of different time zones agree.
 */
export function purgeHour(expiresAt: string): string {
  return `(date_trunc('hour', ${expiresAt}, 'UTC') + interval '1 hour')`;
}
