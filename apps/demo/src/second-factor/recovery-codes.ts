import { createHash } from 'node:crypto';
import { Secret } from 'otpauth';

const COUNT = 8;
// 120 bits: with 112 or more, a plain hash is enough to store a code (ASVS 6.5.2). 24 letters and digits without 0 and 1.
const BYTES = 15;

/** New recovery codes as they are shown: 24 characters in groups of four. */
export function createRecoveryCodes(): string[] {
  return Array.from({ length: COUNT }, () => (new Secret({ size: BYTES }).base32.match(/.{4}/g) ?? []).join('-'));
}

/** What is stored of a code, and how a typed one is found: however it is grouped, in capitals or not. */
export function hashRecoveryCode(typed: string): Buffer {
  return createHash('sha256').update(typed.replaceAll(/[\s-]/g, '').toUpperCase()).digest();
}
