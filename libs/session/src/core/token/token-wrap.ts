import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { sessionIdBytes } from '../session/session-id.js';

const CIPHER = 'aes-256-gcm';
const KEY_LABEL = 'nest-sessions token wrap';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface WrapContext {
  /** The secret of the token whose holder may learn the wrapped one. */
  readonly under: Uint8Array;
  readonly sessionId: string;
}

/**
 * Encrypts a token's secret so that only the holder of another token of the session can read it, and no reader of the store:
 * AES-256-GCM under a key that HKDF-SHA-256 derives from the other token's secret. Stores hold only a hash of that secret.
 *
 * @returns Nonce (12 bytes), cipher text (as long as the secret), tag (16 bytes).
 */
export function wrapSecret(secret: Uint8Array, { under, sessionId }: WrapContext): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, wrapKey(under), nonce).setAAD(sessionIdBytes(sessionId));
  return new Uint8Array(Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]));
}

/** Returns `undefined` when the secret was wrapped under another one, for another session, or was changed since. */
export function unwrapSecret(wrap: Uint8Array, { under, sessionId }: WrapContext): Uint8Array | undefined {
  if (wrap.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, wrapKey(under), wrap.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(sessionIdBytes(sessionId)).setAuthTag(wrap.subarray(-TAG_BYTES));
  const secret = decipher.update(wrap.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return new Uint8Array(secret);
  } catch {
    return undefined;
  }
}

function wrapKey(secret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), KEY_LABEL, KEY_BYTES));
}
