import type { PasswordCheck } from './password-check.service.js';

export interface PasswordRefusal {
  readonly status: 401 | 429;
  readonly message: string;
}

/** What to tell somebody whose password was not accepted. It does not say whether there is such a user. */
export function passwordRefusal(
  check: Exclude<PasswordCheck, { outcome: 'right' }>,
  wrong: 'Wrong email or password.' | 'Wrong password.',
): PasswordRefusal {
  if (check.outcome === 'wrong') return { status: 401, message: wrong };
  const minutes = Math.ceil(check.retryAfterSeconds / 60);
  const wait = minutes === 1 ? 'a minute' : `${minutes} minutes`;
  return { status: 429, message: `Too many attempts. Please wait ${wait}.` };
}
