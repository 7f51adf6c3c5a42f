import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LABEL = 'nest-sessions csrf token\0';
const MAC_BYTES = 32;
/** base64url of the mask and the masked MAC. */
const CSRF_TOKEN = /^[A-Za-z0-9_-]{86}$/;

/**
 * Makes a CSRF token of a session: a MAC under the session's token. Nothing is stored, and a new session token invalidates
 * it. It does not reveal the session token, and it differs each time, so that compressed pages do not leak it (BREACH).
 */
export function mintCsrfToken(sessionToken: string): string {
  const mask = randomBytes(MAC_BYTES);
  return Buffer.concat([mask, xor(mask, macOf(sessionToken))]).toString('base64url');
}

/** Returns whether `mintCsrfToken` made it for this session token. Compares in constant time. */
export function isCsrfTokenOf(sessionToken: string, given: unknown): boolean {
  if (typeof given !== 'string' || !CSRF_TOKEN.test(given)) return false;
  const bytes = Buffer.from(given, 'base64url');
  return timingSafeEqual(xor(bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)), macOf(sessionToken));
}

function macOf(sessionToken: string): Buffer {
  return createHmac('sha256', Buffer.from(sessionToken, 'base64url')).update(LABEL).digest();
}

function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
