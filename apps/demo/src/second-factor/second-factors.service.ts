import { Inject, Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { withOutagesAs503 } from '../database/database-outage.js';
import { SECOND_FACTOR_SETTINGS } from './second-factor.constants.js';
import type { SecondFactorSettings } from './second-factor.module.js';
import { SecretBox } from './secret-box.js';
import { TotpFactor } from './totp-factor.entity.js';
import { findTotpStep } from './totp.js';

export interface NewFactor {
  readonly userId: string;
  /** In base32. */
  readonly secret: string;
  /** A code that the app made of it. */
  readonly code: string;
}

export interface GivenCode {
  readonly userId: string;
  /** As typed. */
  readonly code: string;
}

/** Authenticator apps of the users: at most one each. */
@Injectable()
export class SecondFactors {
  private readonly box: SecretBox;
  private readonly nowMs: () => number;

  constructor(
    @InjectRepository(TotpFactor) private readonly factors: Repository<TotpFactor>,
    @Inject(SECOND_FACTOR_SETTINGS) { key, nowMs }: SecondFactorSettings,
  ) {
    this.box = new SecretBox(key);
    this.nowMs = nowMs;
  }

  /** Since when the user has one; `undefined` without. */
  async findSince(userId: string): Promise<Date | undefined> {
    const factor = await withOutagesAs503(() =>
      this.factors.findOne({ where: { userId }, select: { userId: true, createdAt: true } }),
    );
    return factor?.createdAt;
  }

  isOn(userId: string): Promise<boolean> {
    return withOutagesAs503(() => this.factors.existsBy({ userId }));
  }

  /** Stores a factor once a code proves that the app has its secret. That code is used up by it. */
  async add({ userId, secret, code }: NewFactor): Promise<'added' | 'wrong-code' | 'already-on'> {
    const lastStep = findTotpStep({ secret, code, nowMs: this.nowMs() });
    if (lastStep === undefined) return 'wrong-code';
    const sealedSecret = this.box.seal({ text: secret, purpose: purposeFor(userId) });
    const insert = this.factors.createQueryBuilder().insert().values({ userId, sealedSecret, lastStep }).orIgnore();
    const { raw } = await withOutagesAs503(() => insert.returning('user_id').execute());
    return Array.isArray(raw) && raw.length === 1 ? 'added' : 'already-on';
  }

  /**
   * Accepts a code once (RFC 6238, 5.2): of parallel calls with one code, one gets `'right'`.
   *
   * @returns `'used'` when this or a later code was accepted before.
   */
  async use({ userId, code }: GivenCode): Promise<'right' | 'wrong' | 'used'> {
    const factor = await withOutagesAs503(() => this.factors.findOneBy({ userId }));
    if (!factor) return 'wrong';
    const lastStep = findTotpStep({ secret: this.open(factor), code, nowMs: this.nowMs() });
    if (lastStep === undefined) return 'wrong';
    const { affected } = await withOutagesAs503(() =>
      this.factors.update({ userId, lastStep: LessThan(lastStep) }, { lastStep }),
    );
    return affected === 1 ? 'right' : 'used';
  }

  /** Recovery codes go with it. Whether there was one. */
  async remove(userId: string): Promise<boolean> {
    const { affected } = await withOutagesAs503(() => this.factors.delete({ userId }));
    return affected === 1;
  }

  /** Another key must not look like a wrong code, nor like a user without a second factor. */
  private open({ userId, sealedSecret }: TotpFactor): string {
    const secret = this.box.open({ sealed: sealedSecret, purpose: purposeFor(userId) });
    if (secret !== undefined) return secret;
    throw new Error(
      `the second factor of user ${userId} does not open: it was sealed under another SECOND_FACTOR_KEY, start with that one`,
    );
  }
}

function purposeFor(userId: string): string {
  return `totp:${userId}`;
}
