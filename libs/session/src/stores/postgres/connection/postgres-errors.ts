import {
  SessionArgumentError,
  SessionError,
  SessionStoreUnavailableError,
} from '../../../core/session/session-errors.js';

const FOREIGN_KEY_VIOLATION = '23503';
const CONFLICTS = new Set(['40001', '40P01']);
const UNDEFINED_OBJECTS = new Set(['42P01', '42703', '3F000']);
const REFUSED_LOGINS = /^(28|3D)/;
const BROKEN_CONNECTION = /^(08|57P0)/;
const DATA_EXCEPTION = /^22/;

/** Five characters, as has `EPIPE`, which is none: no SQLSTATE starts with an E. */
const SQLSTATE = /^[0-9FHPX][0-9A-Z]{4}$/;

/** Classes whose messages may repeat values: data exceptions, violated constraints, and what triggers raise. */
const TELLS_VALUES = /^(?:2[23]|P0)/;

/**
 * What Postgres or its driver said, without what may hold token hashes or session data: `detail`, `where`, the statement
 * and its parameters.
 */
export class PostgresReplyError extends Error {
  /** SQLSTATE, or the operating system's code; `undefined` when there is none. */
  readonly code: string | undefined;

  constructor(error: unknown) {
    super(describePostgresError(error));
    this.name = 'PostgresReplyError';
    this.code = codeOf(error);
  }
}

/** Turns whatever the driver rejected with into an error that callers know. */
export function toSessionError(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  const code = codeOf(error) ?? '';
  const cause = new PostgresReplyError(error);
  if (code === FOREIGN_KEY_VIOLATION) return new SessionArgumentError('the user does not exist', { cause });
  if (DATA_EXCEPTION.test(code)) {
    return new SessionArgumentError(`Postgres cannot store a value of this session (SQLSTATE ${code})`, { cause });
  }
  return unavailable(UNDEFINED_OBJECTS.has(code) ? `${cause.message}; did a migration run?` : cause.message, cause);
}

export function unavailable(problem: string, cause?: unknown): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError('postgres', problem, cause === undefined ? {} : { cause });
}

/** One line that holds no value of a row. */
export function describePostgresError(error: unknown): string {
  const { code, message } = readError(error);
  if (code !== undefined && TELLS_VALUES.test(code)) return `SQLSTATE ${code}`;
  return message.slice(0, 200) || (code ?? 'unknown error');
}

/** Whether other transactions got in the way, so that the same statement may succeed when it is sent again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error) ?? '');
}

/** Whether the connection is of no further use: anything but an error that the server reported about one statement. */
export function isBrokenConnection(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || !SQLSTATE.test(code) || BROKEN_CONNECTION.test(code);
}

/** Whether the server turned the login away: wrong user, password or database. */
export function isRefusedLogin(error: unknown): boolean {
  return REFUSED_LOGINS.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  return readError(error).code;
}

/** By shape: an error may come from another realm. Of several connection attempts the first one's counts. */
function readError(error: unknown): { code: string | undefined; message: string } {
  if (typeof error !== 'object' || error === null) return { code: undefined, message: '' };
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return readError(error.errors[0]);
  return {
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    message: 'message' in error && typeof error.message === 'string' ? error.message : '',
  };
}
