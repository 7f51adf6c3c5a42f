import { readTextField } from './form-fields.js';

/** By what users prove that it is them. */
export type ProofKind = 'password' | 'code' | 'recovery-code';

export interface Proof {
  readonly kind: ProofKind;
  readonly value: string;
}

const FIELDS: Record<ProofKind, string> = { password: 'password', code: 'code', 'recovery-code': 'recoveryCode' };

/** What a session has proved so far, and what its user can prove. */
export interface ProofNeed {
  readonly hasSecondFactor: boolean;
  readonly awaitsSecondFactor: boolean;
  readonly assuranceLevel: string | null;
}

/** What is accepted: for a sign-in that still lacks its second factor, never the password again. */
export function acceptedProofs({
  hasSecondFactor,
  awaitsSecondFactor,
}: ProofNeed): readonly [ProofKind, ...ProofKind[]] {
  if (awaitsSecondFactor) return ['code', 'recovery-code'];
  return hasSecondFactor ? ['code', 'password', 'recovery-code'] : ['password'];
}

/** What pages offer, the first of which they ask for: a password where it may be enough, and not where the level is too low. */
export function offeredProofs(need: ProofNeed): readonly [ProofKind, ...ProofKind[]] {
  return need.hasSecondFactor && need.assuranceLevel === 'aal1' ? ['code', 'recovery-code'] : acceptedProofs(need);
}

/** The proof that a form or JSON body holds, of those accepted; an empty one of the first kind when it holds none. */
export function readProof(body: unknown, [first, ...others]: readonly [ProofKind, ...ProofKind[]]): Proof {
  const proofs = [first, ...others].map((kind) => ({ kind, value: readTextField(body, FIELDS[kind]) }));
  return proofs.find(({ value }) => value !== '') ?? { kind: first, value: '' };
}
