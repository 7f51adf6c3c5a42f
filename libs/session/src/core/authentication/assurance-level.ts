import type { AssuranceLevel } from '../session/session-record.js';

const LEVELS: readonly AssuranceLevel[] = ['aal1', 'aal2', 'aal3'];

/** The kind of factor of each method in RFC 8176: something the user knows, has or is. */
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

/** Returns whether a level satisfies a required one. An anonymous session satisfies none. */
export function reaches(level: AssuranceLevel | null, required: AssuranceLevel): boolean {
  return level !== null && LEVELS.indexOf(level) >= LEVELS.indexOf(required);
}

export function higherLevel(a: AssuranceLevel | null, b: AssuranceLevel): AssuranceLevel {
  return a !== null && reaches(a, b) ? a : b;
}

/**
 * Returns the level of methods when the application gives none: two different kinds of factors, or `mfa`, are `aal2`. Never
 * `aal3`, because no method name implies the phishing resistance that it requires.
 */
export function levelOfMethods(amr: readonly string[]): AssuranceLevel {
  const kinds = new Set(amr.flatMap((method) => (Object.hasOwn(FACTORS, method) ? [FACTORS[method]] : [])));
  return kinds.size > 1 || amr.includes('mfa') ? 'aal2' : 'aal1';
}
