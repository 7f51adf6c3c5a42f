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

/** `EPIPE` has five characters too but is no SQLSTATE, because none starts with an E. */
const SQLSTATE = /^[0-9FHPX][0-9A-Z]{4}$/;

/** Classes whose messages may repeat values: data exceptions, violated constraints, and errors raised by triggers. */
const MAY_HOLD_VALUES = /^(?:2[23]|P0)/;

/**
 * An error of Postgres or its driver, without the parts that may hold token hashes or session data: `detail`, `where`,
 * the statement and its parameters.
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

/** Turns a rejection of the driver into an error that callers know. */
export function toSessionError(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  const code = codeOf(error) ?? '';
  const cause = new PostgresReplyError(error);
  if (code === FOREIGN_KEY_VIOLATION) return new SessionArgumentError('the user does not exist', { cause });
  if (DATA_EXCEPTION.test(code)) {
    return new SessionArgumentError(`Postgres cannot store a value of this session (SQLSTATE ${code})`, { cause });
  }
  return unavailable(
    UNDEFINED_OBJECTS.has(code) ? `${cause.message}; run the migrations of sessionMigrations()` : cause.message,
    cause,
  );
}

export function unavailable(problem: string, cause?: unknown): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError('postgres', problem, cause === undefined ? {} : { cause });
}

/** Returns one line that holds no value of a row. */
export function describePostgresError(error: unknown): string {
  const { code, message } = readError(error);
  if (code !== undefined && MAY_HOLD_VALUES.test(code)) return `SQLSTATE ${code}`;
  return message.slice(0, 200) || (code ?? 'unknown error');
}

/** Whether the statement lost to another transaction, so that it may succeed when it is sent again. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error) ?? '');
}

/** Whether the connection is unusable: true for every error except one that the server reported about a statement. */
export function isBrokenConnection(error: unknown): boolean {
  const code = codeOf(error);
  return code === undefined || !SQLSTATE.test(code) || BROKEN_CONNECTION.test(code);
}

/** Whether the server rejected the login: wrong user, password or database. */
export function isRefusedLogin(error: unknown): boolean {
  return REFUSED_LOGINS.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  return readError(error).code;
}

/** Reads by shape, because an error may come from another realm. Of several connection attempts, the first counts. */
function readError(error: unknown): { code: string | undefined; message: string } {
  if (typeof error !== 'object' || error === null) return { code: undefined, message: '' };
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return readError(error.errors[0]);
  return {
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    message: 'message' in error && typeof error.message === 'string' ? error.message : '',
  };
}
