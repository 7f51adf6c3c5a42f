import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { withOutagesAs503 } from '../database/database-outage.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';
import type { GivenCode } from './second-factors.service.js';
import { TotpFactor } from './totp-factor.entity.js';

/** The codes for the day on which the authenticator app is out of reach. Stored as hashes, deleted when used. */
@Injectable()
export class RecoveryCodes {
  constructor(@InjectRepository(RecoveryCode) private readonly codes: Repository<RecoveryCode>) {}

  count(userId: string): Promise<number> {
    return withOutagesAs503(() => this.codes.countBy({ userId }));
  }

  /** Uses a code up: of parallel calls with one code, one gets `true`. */
  async use({ userId, code }: GivenCode): Promise<boolean> {
    const codeHash = hashRecoveryCode(code);
    const { affected } = await withOutagesAs503(() => this.codes.delete({ userId, codeHash }));
    return affected === 1;
  }

  /** Gives the user new codes in place of whatever is left; none without an authenticator app. This is the only time that anybody sees them. */
  async replace(userId: string): Promise<string[]> {
    const codes = createRecoveryCodes();
    const rows = codes.map((code) => ({ userId, codeHash: hashRecoveryCode(code) }));
    return withOutagesAs503(() =>
      this.codes.manager.transaction(async (manager) => {
        // Of two replacements at once the later one waits here, so that the user has one list.
        const factor = await manager.findOne(TotpFactor, { where: { userId }, lock: { mode: 'pessimistic_write' } });
        if (!factor) return [];
        await manager.delete(RecoveryCode, { userId });
        await manager.insert(RecoveryCode, rows);
        return codes;
      }),
    );
  }
}
