import { isNativeError } from 'node:util/types';
import {
  SessionError,
  SessionStoreRefusedError,
  SessionStoreUnavailableError,
} from '../../../core/session/session-errors.js';

/** An error of Redis or the client without its command, whose arguments contain token hashes and session data. */
export class RedisReplyError extends Error {
  readonly code: string | undefined;

  constructor(error: unknown) {
    super(describeRedisError(error));
    this.name = 'RedisReplyError';
    this.code = codeOf(error);
  }
}

/** Redis still answers reads in these states, and a key of another type affects no other session. */
const REFUSALS = ['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS', 'WRONGTYPE'];

/** Converts any rejection of a client to an error of the store. */
export function toUnavailable(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  if (REFUSALS.some((code) => hasReplyCode(error, code))) {
    return new SessionStoreRefusedError('redis', describeRedisError(error), { cause: new RedisReplyError(error) });
  }
  return unavailable(describeRedisError(error), error);
}

export function unavailable(problem: string, cause?: unknown): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError(
    'redis',
    problem,
    cause === undefined ? {} : { cause: new RedisReplyError(cause) },
  );
}

/**
 * Whether an error reply starts with this code, such as `NOSCRIPT`. Redis 6.2 puts the script's own error before the
 * code of a command inside it.
 */
export function hasReplyCode(error: unknown, code: string): boolean {
  return isNativeError(error) && new RegExp(`(^|: -?)${code}\\b`).test(error.message.slice(0, 300));
}

/** Describes an error in one line, without the arguments that Redis repeats for an unknown command. */
export function describeRedisError(error: unknown): string {
  const first = firstOf(error);
  if (!isNativeError(first)) return 'unknown error';
  return first.message.replace(/,? with args beginning with[\s\S]*/, '').slice(0, 200) || (codeOf(first) ?? first.name);
}

/** Returns the first of several errors: a connection to several addresses fails with one for each. */
function firstOf(error: unknown): unknown {
  if (!isNativeError(error) || !('errors' in error) || !Array.isArray(error.errors)) return error;
  const [first] = error.errors as unknown[];
  return first;
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = isNativeError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
