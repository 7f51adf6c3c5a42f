import type { TableNames } from '../schema/identifiers.js';
import { RECORD_COLUMNS } from '../schema/session-row.js';
import { defineStatement, isAboveFloor, TRANSACTION_TIME } from '../connection/statement.js';
import type { UserIdType } from '../schema/user-id-type.js';

export type ReadStatements = ReturnType<typeof readStatements>;

/** Whether a session counts, for reads: they see one instant, the start of their transaction. */
const LIVE_NOW = `s.ended_at is null and s.expires_at > now()`;

/**
 * `find`, `findMany`: rows come back also when over, so that the reason can be told.
 *
 * @param moreColumns - To be found besides; the table's alias is `s`.
 */
export function readStatements(tables: TableNames, userIdType: UserIdType, moreColumns: readonly string[] = []) {
  const { sessions } = tables;
  const found = `(s.ended_at is not null or not ${isAboveFloor(tables)}) as is_ended,
  (s.expires_at > now()) as is_unexpired, ${[RECORD_COLUMNS, ...moreColumns].join(', ')}`;
  return {
    /** $1 id */
    find: defineStatement('find', `select ${found} from ${sessions} s where s.id = $1::uuid`),

    /** $1 ids */
    findMany: defineStatement('find-many', `select ${found} from ${sessions} s where s.id = any($1::uuid[])`),

    /** $1 user id, $2 what the data has to contain or null. One row at least, with a null id if there is none. */
    listByUser: defineStatement(
      'list-by-user',
      `select ${RECORD_COLUMNS}
from (select ${TRANSACTION_TIME}) clock
left join ${sessions} s on s.user_id = $1::${userIdType} and ${LIVE_NOW} and ${isAboveFloor(tables)}
  and ($2::jsonb is null or s.data @> $2::jsonb)`,
    ),
  };
}
