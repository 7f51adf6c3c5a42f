import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { DevicesController } from './devices.controller.js';
import { SessionsPageController } from './sessions-page.controller.js';
import { SignOutConfirmationController } from './sign-out-confirmation.controller.js';

@Module({
  imports: [AuthModule],
  controllers: [DevicesController, SessionsPageController, SignOutConfirmationController],
})
export class DevicesModule {}
