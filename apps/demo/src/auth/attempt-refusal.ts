import { HttpException } from '@nestjs/common';
import type { ProofKind } from './proof.js';

/** An attempt to prove something that did not succeed. */
export type RefusedAttempt =
  | { readonly outcome: 'wrong' }
  /** It was right, and has been accepted before. */
  | { readonly outcome: 'used' }
  | { readonly outcome: 'too-many-attempts'; readonly retryAfterSeconds: number };

export interface AttemptRefusal {
  readonly status: 401 | 429;
  /** For clients of the JSON API. */
  readonly error: string;
  readonly message: string;
}

const WRONG: Record<ProofKind, Omit<AttemptRefusal, 'status'>> = {
  password: { error: 'wrong_password', message: 'Wrong password.' },
  code: { error: 'wrong_code', message: 'Wrong code.' },
  'recovery-code': { error: 'wrong_recovery_code', message: 'Wrong recovery code, or one that was used before.' },
};

/** The message for a user whose attempt was not accepted. */
export function attemptRefusal(attempt: RefusedAttempt, kind: ProofKind): AttemptRefusal {
  if (attempt.outcome === 'wrong') return { status: 401, ...WRONG[kind] };
  if (attempt.outcome === 'used') {
    return { status: 401, error: 'code_used', message: 'That code was used before. Please wait for the next one.' };
  }
  const minutes = Math.ceil(attempt.retryAfterSeconds / 60);
  const wait = minutes === 1 ? 'a minute' : `${minutes} minutes`;
  return { status: 429, error: 'too_many_attempts', message: `Too many attempts. Please wait ${wait}.` };
}

/** The same of a proof that was asked for. */
export function proofRefusal({ attempt, kind }: { attempt: RefusedAttempt; kind: ProofKind }): AttemptRefusal {
  return attemptRefusal(attempt, kind);
}

/** The same for clients of the JSON API. */
export function attemptException(attempt: RefusedAttempt, kind: ProofKind): HttpException {
  const { status, error, message } = attemptRefusal(attempt, kind);
  return new HttpException({ statusCode: status, error, message }, status);
}
