import { Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { KeyObject } from 'node:crypto';
import { RecoveryCodes } from './recovery-codes.service.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { SECOND_FACTOR_SETTINGS } from './second-factor.constants.js';
import { SecondFactors } from './second-factors.service.js';
import { SetUpTickets } from './set-up-tickets.service.js';
import { TotpFactor } from './totp-factor.entity.js';

export interface SecondFactorSettings {
  /** What secrets are sealed under: 32 bytes. */
  readonly key: KeyObject;
  /** The clock that codes are checked by. */
  readonly nowMs: () => number;
}

/** Second factors of the users. Global, because every kind of proof reads them. */
@Module({})
export class SecondFactorModule {
  static register(settings: SecondFactorSettings): DynamicModule {
    return {
      module: SecondFactorModule,
      global: true,
      imports: [TypeOrmModule.forFeature([TotpFactor, RecoveryCode])],
      providers: [{ provide: SECOND_FACTOR_SETTINGS, useValue: settings }, SecondFactors, SetUpTickets, RecoveryCodes],
      exports: [SECOND_FACTOR_SETTINGS, SecondFactors, SetUpTickets, RecoveryCodes],
    };
  }
}
