import { Secret, TOTP } from 'otpauth';

// RFC 4226, section 4, recommends 160 bits.
const SECRET_BYTES = 20;
/** How many steps of 30 seconds the clock of the user's device may be off, either way. */
const DRIFT_STEPS = 1;
const ISSUER = 'nest-sessions demo';

/** A new secret, in base32 as authenticator apps take it. */
export function createTotpSecret(): string {
  return new Secret({ size: SECRET_BYTES }).base32;
}

/** What the QR code says to an authenticator app: the secret, and whose it is. */
export function totpUri({ secret, email }: { readonly secret: string; readonly email: string }): string {
  return totpOf(secret, email).toString();
}

export interface TotpAttempt {
  /** In base32. */
  readonly secret: string;
  /** As typed: apps show a space in the middle, and some keyboards make wide digits. */
  readonly code: string;
  readonly nowMs: number;
}

/** Returns the time step of the code. `undefined` when it is neither the current step nor one beside it. */
export function findTotpStep({ secret, code, nowMs }: TotpAttempt): number | undefined {
  const totp = totpOf(secret);
  const token = code.normalize('NFKC').replaceAll(/\s/g, '');
  // The package throws on a code that has the right number of characters but more bytes.
  if (!/^[0-9]+$/.test(token)) return undefined;
  const distance = totp.validate({ token, timestamp: nowMs, window: DRIFT_STEPS });
  return distance === null ? undefined : totp.counter({ timestamp: nowMs }) + distance;
}

function totpOf(secret: string, label = ''): TOTP {
  return new TOTP({ issuer: ISSUER, label, secret: Secret.fromBase32(secret) });
}
