import { Controller, Delete, Get, HttpCode, NotFoundException, Param } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, RequireFreshSession, type HttpSession, type Session } from 'nest-sessions';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import { toDeviceResponse, type DeviceResponse } from './device-response.js';

/** The signed-in user's sessions as a JSON API. Ending any needs a password given within the last 10 minutes (ASVS 7.5.2). */
@Controller('devices')
export class DevicesController {
  constructor(private readonly signedInUser: SignedInUserService) {}

  /** Live sessions only, last seen first. */
  @Get()
  async list(@CurrentSession() session: Session, @CurrentHttpSession() http: HttpSession): Promise<DeviceResponse[]> {
    await this.signedInUser.get(session);
    return (await http.sessions()).map(toDeviceResponse);
  }

  /** 404 for every id that is not a live session of this user, whosever it is. */
  @Delete(':id')
  @HttpCode(204)
  @RequireFreshSession('10m')
  async revoke(@Param('id') id: string, @CurrentHttpSession() http: HttpSession): Promise<void> {
    if (!(await http.revoke(id))) throw new NotFoundException();
  }

  @Delete()
  @RequireFreshSession('10m')
  async revokeOthers(@CurrentHttpSession() http: HttpSession): Promise<{ revoked: number }> {
    return { revoked: await http.revokeOthers() };
  }
}
