import { Injectable, UnauthorizedException } from '@nestjs/common';
import type { HttpSession, Session } from 'nest-sessions';
import type { ProofQuestion } from '../pages/views.js';
import { SecondFactors } from '../second-factor/second-factors.service.js';
import type { User } from '../users/user.entity.js';
import type { RefusedAttempt } from './attempt-refusal.js';
import { CodeCheckService } from './code-check.service.js';
import { PasswordCheckService } from './password-check.service.js';
import { acceptedProofs, offeredProofs, readProof, type Proof, type ProofKind, type ProofNeed } from './proof.js';
import { proofQuestion } from './proof-question.js';

export interface Prover {
  readonly user: User;
  readonly session: Session;
}

export interface ProofRequest extends Prover {
  readonly body: unknown;
  readonly ipAddress: string;
}

export interface ProofPage extends Prover {
  /** Of the page that asks. */
  readonly path: string;
  /** The kind that was chosen there, if any: whatever the request says. */
  readonly wanted: unknown;
  readonly error?: string;
}

/** What was sent instead of a proof, and of which kind it was. */
export interface RefusedProof {
  readonly attempt: RefusedAttempt;
  readonly kind: ProofKind;
}

/**
 * What a proof is worth. A code raises a session that began with the password to `aal2`; a recovery code is a look-up
 * secret, which NIST SP 800-63B counts as something that the user has, too.
 */
const WORTH = {
  password: { amr: ['pwd'] },
  code: { amr: ['otp'], assuranceLevel: 'aal2' },
  'recovery-code': { amr: ['recovery-code'], assuranceLevel: 'aal2' },
} as const;

/** Asks users to prove that it is them, and takes what they answer: a password, code or recovery code. */
@Injectable()
export class ProofService {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly codes: CodeCheckService,
    private readonly factors: SecondFactors,
  ) {}

  async ask({ path, wanted, error, ...prover }: ProofPage): Promise<ProofQuestion> {
    const offered = offeredProofs(await this.findNeed(prover));
    return proofQuestion({ offered, wanted, path, email: prover.user.email, error });
  }

  /**
   * Checks a proof. When it is right, the session gets a new token.
   *
   * @returns What was wrong with it, if anything was.
   * @throws {UnauthorizedException} It was right, and the session has ended meanwhile.
   */
  async prove(http: HttpSession, { body, ipAddress, ...prover }: ProofRequest): Promise<RefusedProof | undefined> {
    const proof = readProof(body, acceptedProofs(await this.findNeed(prover)));
    const attempt = await this.attempt({ user: prover.user, proof, ipAddress });
    if (attempt.outcome !== 'right') return { attempt, kind: proof.kind };
    if (!(await http.reauthenticate(WORTH[proof.kind]))) throw new UnauthorizedException();
    return undefined;
  }

  private attempt({ user, proof, ipAddress }: { user: User; proof: Proof; ipAddress: string }) {
    if (proof.kind !== 'password') return this.codes.check(user.id, proof);
    return this.passwords.check({ email: user.email, password: proof.value, ipAddress });
  }

  private async findNeed({ user, session }: Prover): Promise<ProofNeed> {
    const { awaitsSecondFactor, assuranceLevel } = session;
    return { hasSecondFactor: await this.factors.isOn(user.id), awaitsSecondFactor, assuranceLevel };
  }
}
