import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { AccountController } from './account.controller.js';
import { RecoveryCodesController } from './recovery-codes.controller.js';
import { SecondFactorRemovalController } from './second-factor-removal.controller.js';
import { SecondFactorSetUpController } from './second-factor-set-up.controller.js';

@Module({
  imports: [AuthModule],
  controllers: [AccountController, SecondFactorSetUpController, SecondFactorRemovalController, RecoveryCodesController],
})
export class AccountModule {}
