import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { CodeCheckService } from './code-check.service.js';
import { ConfirmController } from './confirm.controller.js';
import { ChangePasswordService } from './change-password.service.js';
import { PasswordCheckService } from './password-check.service.js';
import { PasswordPageController } from './password-page.controller.js';
import { PasswordController } from './password.controller.js';
import { ProofService } from './proof.service.js';
import { ReauthenticateController } from './reauthenticate.controller.js';
import { SignInCodeController } from './sign-in-code.controller.js';
import { SignInController } from './sign-in.controller.js';
import { SignOutController } from './sign-out.controller.js';
import { SignedInUserService } from './signed-in-user.service.js';

@Module({
  imports: [UsersModule],
  controllers: [
    SignInController,
    SignInCodeController,
    ConfirmController,
    SignOutController,
    ReauthenticateController,
    PasswordController,
    PasswordPageController,
  ],
  providers: [ChangePasswordService, CodeCheckService, PasswordCheckService, ProofService, SignedInUserService],
  exports: [ProofService, SignedInUserService],
})
export class AuthModule {}
