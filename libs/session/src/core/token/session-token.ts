import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SessionConfigurationError } from '../session/session-errors.js';
import type { SessionAbsence } from '../session/session-record.js';
import { formatSessionId, isSessionIdBytes, sessionIdBytes } from '../session/session-id.js';

/** A token: base64url of 16 bytes id and 32 bytes secret, exactly 64 characters. */
const TOKEN = /^[A-Za-z0-9_-]{64}$/;
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const RANDOM_BYTES = 24;
export const MIN_KEY_BYTES = 32;
/** Random bits in a token. With keys, a part of the secret is a MAC. */
export const TOKEN_ENTROPY_BITS = { withoutKeys: SECRET_BYTES * 8, withKeys: RANDOM_BYTES * 8 };
const MAC_LABEL = 'nest-sessions token mac\0';
const HASH_LABEL = 'nest-sessions token hash\0';

export interface MintedToken {
  readonly token: string;
  readonly secret: Uint8Array;
  readonly hash: Uint8Array;
}

export interface ParsedToken {
  readonly sessionId: string;
  readonly secret: Uint8Array;
}

/** `forged`: well-formed, but its MAC matches not one of the keys. Neither kind may reach a store. */
export type TokenRejection = 'malformed' | 'forged';

/** The reason why a token was not accepted, for logs only: a client learns nothing but the refusal. */
export type AbsenceReason =
  | 'missing'
  | TokenRejection
  | SessionAbsence
  | 'wrong-secret'
  /** The token was used after its successor, and its grace has ended: the session was revoked. */
  | 'reuse'
  /** Another client used it, and `onAnomaly` returned `revoke`. */
  | 'anomaly';

/**
 * Mints and verifies tokens.
 *
 * Without keys a token is stored as SHA-256 of its secret. With keys it is stored as HMAC-SHA-256 under the newest key,
 * and 8 of the 32 secret bytes are a MAC over the id and the other 24, so that a forged token costs no store call.
 *
 * @throws {SessionConfigurationError} A key is shorter than 32 bytes.
 */
export class SessionTokens {
  private readonly keys: readonly Buffer[];

  constructor(tokenKeys: readonly (string | Uint8Array)[] = []) {
    this.keys = tokenKeys.map((key, index) => toKey(key, index));
  }

  /** Whether a parsed token carries a valid MAC, which proves that this application issued it. */
  get provesTokens(): boolean {
    return this.keys.length > 0;
  }

  /** Mints a token for the session, with a secret from the system's random generator. */
  mint(sessionId: string): MintedToken {
    const id = sessionIdBytes(sessionId);
    const secret = randomBytes(SECRET_BYTES);
    const [newest] = this.keys;
    if (newest) tokenMac(newest, id, secret).copy(secret, RANDOM_BYTES);
    return { token: this.format(sessionId, secret), secret, hash: hashSecret(secret, newest) };
  }

  /** Formats the token of a secret that was minted earlier. */
  format(sessionId: string, secret: Uint8Array): string {
    return Buffer.concat([sessionIdBytes(sessionId), secret]).toString('base64url');
  }

  /** Lists the hashes under which a secret may be stored. The first is the one to store. */
  listHashes(secret: Uint8Array): readonly [Uint8Array, ...Uint8Array[]] {
    const [newest, ...older] = this.keys;
    return [hashSecret(secret, newest), ...older.map((key) => hashSecret(secret, key))];
  }

  /** Parses a token without a store call. */
  parse(token: unknown): ParsedToken | TokenRejection {
    if (typeof token !== 'string' || !TOKEN.test(token)) return 'malformed';
    const bytes = Buffer.from(token, 'base64url');
    if (!isSessionIdBytes(bytes)) return 'malformed';
    const secret = bytes.subarray(ID_BYTES);
    if (this.keys.length > 0 && !this.hasValidMac(bytes.subarray(0, ID_BYTES), secret)) return 'forged';
    return { sessionId: formatSessionId(bytes), secret };
  }

  /**
   * Compares a secret with a stored hash in constant time, under each key.
   *
   * @returns `'current'` when the stored hash needs no change; the hash to store when an older key made the stored one;
   *   `undefined` when the secret is wrong.
   */
  verify(secret: Uint8Array, storedHash: Uint8Array): { readonly rehash: Uint8Array } | 'current' | undefined {
    const current = hashSecret(secret, this.keys[0]);
    if (equalHashes(current, storedHash)) return 'current';
    for (let older = 1; older < this.keys.length; older++) {
      if (equalHashes(hashSecret(secret, this.keys[older]), storedHash)) return { rehash: current };
    }
    return undefined;
  }

  private hasValidMac(id: Uint8Array, secret: Uint8Array): boolean {
    const mac = secret.subarray(RANDOM_BYTES);
    return this.keys.some((key) => timingSafeEqual(tokenMac(key, id, secret), mac));
  }
}

function tokenMac(key: Buffer, id: Uint8Array, secret: Uint8Array): Buffer {
  const mac = createHmac('sha256', key).update(MAC_LABEL).update(id).update(secret.subarray(0, RANDOM_BYTES)).digest();
  return mac.subarray(0, SECRET_BYTES - RANDOM_BYTES);
}

function hashSecret(secret: Uint8Array, key: Buffer | undefined): Buffer {
  if (!key) return hash('sha256', secret, 'buffer');
  return createHmac('sha256', key).update(HASH_LABEL).update(secret).digest();
}

/** Compares in constant time. */
export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

function toKey(key: string | Uint8Array, index: number): Buffer {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'utf8') : Buffer.from(key);
  if (bytes.byteLength < MIN_KEY_BYTES) {
    throw new SessionConfigurationError(
      `tokenKeys[${index}]`,
      `must have at least ${MIN_KEY_BYTES} bytes: generate one with "openssl rand -base64 48"`,
    );
  }
  return bytes;
}
