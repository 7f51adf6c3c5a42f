import { createHash, randomFillSync } from 'node:crypto';
import { SessionArgumentError } from './session-errors.js';

const USER_REFERENCE_LABEL = 'nest-sessions user reference\0';
const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MAX_USER_ID_LENGTH = 255;

/**
 * Creates a session id: 128-bit UUIDv8 (RFC 9562) of 48 bits Unix ms, 12 random bits and 62 bits of user reference.
 *
 * Ids sort by time, so index inserts stay local. The id alone determines where its session lives in Redis.
 *
 * @param userId - `null` for an anonymous session, whose reference is random.
 * @param nowMs - Unix time, for ordering only. No expiry is derived from it.
 */
export function createSessionId(userId: string | null, nowMs = Date.now()): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  randomFillSync(bytes, 6, 2);
  if (userId === null) randomFillSync(bytes, 8, 8);
  else createHash('sha256').update(USER_REFERENCE_LABEL).update(userId).digest().copy(bytes, 8, 0, 8);
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return formatSessionId(bytes);
}

/** Returns whether the text is a session id in the form of this library: lower case, version 8, RFC variant. */
export function isSessionId(text: unknown): text is string {
  return typeof text === 'string' && SESSION_ID.test(text);
}

/** Returns whether 16 bytes are those of a session id: version 8, RFC variant. Further bytes are ignored. */
export function isSessionIdBytes(bytes: Uint8Array): boolean {
  return (bytes[6] ?? 0) >> 4 === 8 && (bytes[8] ?? 0) >> 6 === 2;
}

/** Returns the 62-bit user reference of an id as 16 hex digits. Two users may share one: compare user ids as well. */
export function userReferenceOf(sessionId: string): string {
  return sessionId.slice(19, 23) + sessionId.slice(24);
}

/** Returns the reference that every session id of this user carries. */
export function userReferenceFor(userId: string): string {
  return userReferenceOf(createSessionId(userId, 0));
}

/** Formats the first 16 bytes as an id. For bytes from outside, the caller checks them with `isSessionIdBytes`. */
export function formatSessionId(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Returns the 16 bytes of an id. */
export function sessionIdBytes(sessionId: string): Buffer {
  return Buffer.from(sessionId.replaceAll('-', ''), 'hex');
}

/** @throws {SessionArgumentError} Empty, too long, or not storable text. An empty user id would make strangers share sessions. */
export function assertUserId(userId: unknown): asserts userId is string {
  if (typeof userId !== 'string' || userId.trim() === '') {
    throw new SessionArgumentError(
      'userId must be a non-empty string: convert a number with String(id). Anonymous sessions begin by HttpSession.start() or create({ userId: null })',
    );
  }
  if (userId.length > MAX_USER_ID_LENGTH || userId.includes('\0') || !userId.isWellFormed()) {
    throw new SessionArgumentError(
      `userId must be well-formed text of at most ${MAX_USER_ID_LENGTH} characters without NUL`,
    );
  }
}
