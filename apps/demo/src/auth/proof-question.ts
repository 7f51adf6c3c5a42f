import type { ProofQuestion } from '../pages/views.js';
import type { ProofKind } from './proof.js';

const CHOICES: Record<ProofKind, string> = {
  password: 'Use your password instead',
  code: 'Use a code from your authenticator app instead',
  'recovery-code': 'Use a recovery code instead',
};

export interface ProofChoice {
  readonly offered: readonly [ProofKind, ...ProofKind[]];
  /** Whatever the request says. */
  readonly wanted: unknown;
  /** Of the page that asks. */
  readonly path: string;
  readonly email: string;
  readonly error?: string;
}

/** The field that a page shows, and links to the same page with the other ones. */
export function proofQuestion({ offered, wanted, path, email, error }: ProofChoice): ProofQuestion {
  const kind = offered.find((one) => one === wanted) ?? offered[0];
  const separator = path.includes('?') ? '&' : '?';
  const others = offered.filter((one) => one !== kind);
  const choices = others.map((one) => ({ text: CHOICES[one], href: `${path}${separator}with=${one}` }));
  return { kind, email, error, choices };
}
