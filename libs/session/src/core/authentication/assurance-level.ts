import type { AssuranceLevel } from '../session/session-record.js';

const LEVELS: readonly AssuranceLevel[] = ['aal1', 'aal2', 'aal3'];

/** Kinds of factors: what the user knows, has, is. Names as in RFC 8176. */
const FACTORS: Readonly<Record<string, 'knowledge' | 'possession' | 'inherence'>> = {
  pwd: 'knowledge',
  pin: 'knowledge',
  kba: 'knowledge',
  otp: 'possession',
  sms: 'possession',
  tel: 'possession',
  hwk: 'possession',
  swk: 'possession',
  pop: 'possession',
  sc: 'possession',
  face: 'inherence',
  fpt: 'inherence',
  iris: 'inherence',
  retina: 'inherence',
  vbm: 'inherence',
};

export function isAssuranceLevel(value: unknown): value is AssuranceLevel {
  return LEVELS.some((level) => level === value);
}

/** Whether a session of this level may do what asks for the other. An anonymous session may nothing. */
export function reaches(level: AssuranceLevel | null, required: AssuranceLevel): boolean {
  return level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf(required);
}

export function higherLevel(a: AssuranceLevel | null, b: AssuranceLevel): AssuranceLevel {
  return a !== null && reaches(a, b) ? a : b;
}

/**
 * What the methods are good for when the application does not say: two different kinds of factors, or `mfa`, are
 * `aal2`. Never `aal3`, which also asks for phishing resistance that no method name tells.
 */
export function levelOfMethods(amr: readonly string[]): AssuranceLevel {
  const kinds = new Set(amr.flatMap((method) => (Object.hasOwn(FACTORS, method) ? [FACTORS[method]] : [])));
  return kinds.size > 1 || amr.includes('mfa') ? 'aal2' : 'aal1';
}
