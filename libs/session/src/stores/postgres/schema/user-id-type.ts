import { SessionArgumentError } from '../../../core/session/session-errors.js';

/** Type of the column `user_id`, which is that of the users' primary key. */
export type UserIdType = 'bigint' | 'uuid' | 'text';

const BIGINT = /^(?:0|-?[1-9]\d{0,18})$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MAX_BIGINT = 2n ** 63n - 1n;
const MIN_BIGINT = -(2n ** 63n);

export const USER_ID_TYPES: readonly UserIdType[] = ['bigint', 'uuid', 'text'];

/**
 * Checks that a user id is written as Postgres returns it. A user must have one spelling, because session ids carry a
 * digest of it.
 *
 * @throws {SessionArgumentError} Not canonical for the column's type. Nothing is sent to the server.
 */
export function assertUserIdOfType(userId: string, type: UserIdType): void {
  if (type === 'bigint' && !isBigint(userId)) {
    throw new SessionArgumentError(
      'userId must be a 64-bit integer in decimal, without leading zeros: the column user_id is a bigint',
    );
  }
  if (type === 'uuid' && !UUID.test(userId)) {
    throw new SessionArgumentError('userId must be a UUID in lower case with hyphens: the column user_id is a uuid');
  }
  if (userId === '' || userId.includes('\0')) {
    throw new SessionArgumentError('userId must be non-empty text without NUL');
  }
}

function isBigint(text: string): boolean {
  if (!BIGINT.test(text)) return false;
  const value = BigInt(text);
  return value <= MAX_BIGINT && value >= MIN_BIGINT;
}
