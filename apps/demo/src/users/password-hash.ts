import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { PasswordQueue } from './password-queue.js';

/**
 * Node hashes in the same four threads in which `pg` proves the password of a new connection and files are read. Were all
 * of them taken by a flood of sign-ins, no page could be shown.
 */
const queue = new PasswordQueue({ maxAtOnce: 2, maxWaiting: 64 });
const scryptKey = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

function deriveKey(...[password, salt, keyBytes, options]: Parameters<typeof scryptKey>): Promise<Buffer> {
  return queue.run(() => scryptKey(password, salt, keyBytes, options));
}

const KEY_BYTES = 32;
const SALT_BYTES = 16;
// 32 MiB and some 100 ms each; one of the equally strong settings of the OWASP Password Storage Cheat Sheet.
const COST = { logN: 15, r: 8, p: 3 };
const FORMAT = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9_-]+)\$([A-Za-z0-9_-]+)$/;

interface ScryptCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/**
 * Hashes with a new salt; the parameters travel in the result, so that they can be raised later.
 *
 * @throws {ServiceUnavailableException} Too many passwords wait to be hashed.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await deriveKey(password.normalize(), salt, KEY_BYTES, toOptions(COST));
  const { logN, r, p } = COST;
  return `$scrypt$ln=${logN},r=${r},p=${p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/**
 * @throws {ServiceUnavailableException} Too many passwords wait to be hashed.
 * @throws {Error} The stored hash is not one of ours.
 */
export async function verifyPassword(password: string, storedHash: string): Promise<boolean> {
  const [, logN, r, p, salt, key] = FORMAT.exec(storedHash) ?? [];
  if (!salt || !key) throw new Error('a stored password hash is not in the format of this application');
  const expected = Buffer.from(key, 'base64url');
  const options = toOptions({ logN: Number(logN), r: Number(r), p: Number(p) });
  const actual = await deriveKey(password.normalize(), Buffer.from(salt, 'base64url'), expected.length, options);
  return timingSafeEqual(actual, expected);
}

function toOptions({ logN, r, p }: ScryptCost): ScryptOptions {
  const N = 2 ** logN;
  // Node counts a little more than the 128 * r * (N + p) bytes that scrypt itself needs.
  return { N, r, p, maxmem: 128 * r * (N + p) + 65_536 };
}
