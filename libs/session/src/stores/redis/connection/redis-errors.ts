import { isNativeError } from 'node:util/types';
import {
  SessionError,
  SessionStoreRefusedError,
  SessionStoreUnavailableError,
} from '../../../core/session/session-errors.js';

/** What Redis or the client said, without the command: its arguments hold token hashes and session data. */
export class RedisReplyError extends Error {
  readonly code: string | undefined;

  constructor(error: unknown) {
    super(describeRedisError(error));
    this.name = 'RedisReplyError';
    this.code = codeOf(error);
  }
}

/** Redis reads on in these states; and a key of another type concerns nobody else. */
const REFUSALS = ['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS', 'WRONGTYPE'];

/** Turns whatever a client rejected with into the one error that callers know. */
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

/** Whether the reply starts with this code, such as `NOSCRIPT`, or does inside a script: Redis 6.2 tells of the script first. */
export function hasReplyCode(error: unknown, code: string): boolean {
  return isNativeError(error) && new RegExp(`(^|: -?)${code}\\b`).test(error.message.slice(0, 300));
}

/** One line; Redis repeats arguments of a command that it does not know, and those are cut off. */
export function describeRedisError(error: unknown): string {
  const first = firstOf(error);
  if (!isNativeError(first)) return 'unknown error';
  return first.message.replace(/,? with args beginning with[\s\S]*/, '').slice(0, 200) || (codeOf(first) ?? first.name);
}

/** A connection tried on several addresses, or a question to several servers, fails with all their errors. */
function firstOf(error: unknown): unknown {
  if (!isNativeError(error) || !('errors' in error) || !Array.isArray(error.errors)) return error;
  const [first] = error.errors as unknown[];
  return first;
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = isNativeError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
