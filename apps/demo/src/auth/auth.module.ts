import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { ChangePasswordService } from './change-password.service.js';
import { PasswordCheckService } from './password-check.service.js';
import { PasswordPageController } from './password-page.controller.js';
import { PasswordController } from './password.controller.js';
import { ReauthenticateController } from './reauthenticate.controller.js';
import { SignInController } from './sign-in.controller.js';
import { SignOutController } from './sign-out.controller.js';
import { SignedInUserService } from './signed-in-user.service.js';

@Module({
  imports: [UsersModule],
  controllers: [
    SignInController,
    SignOutController,
    ReauthenticateController,
    PasswordController,
    PasswordPageController,
  ],
  providers: [ChangePasswordService, PasswordCheckService, SignedInUserService],
  exports: [PasswordCheckService, SignedInUserService],
})
export class AuthModule {}
