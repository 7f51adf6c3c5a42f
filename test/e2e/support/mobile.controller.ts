import { Body, Controller, Get, Post, UseGuards } from '@nestjs/common';
import {
  CurrentHttpSession,
  CurrentSession,
  Public,
  SessionArgumentError,
  SessionGuard,
  type HttpSession,
  type Session,
  type SignIn,
} from 'nest-sessions';

export interface Handed {
  readonly session: Session | null;
  readonly token: string | null;
  readonly again: string | null;
}

/** What an application does for clients that are no browsers. */
@UseGuards(SessionGuard)
@Controller('mobile')
export class MobileController {
  @Public()
  @Post('sign-in')
  async signIn(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession): Promise<Handed> {
    return hand(http, await http.signIn({ transport: 'bearer', ...input }));
  }

  @Public()
  @Post('start')
  async start(@CurrentHttpSession() http: HttpSession): Promise<Handed> {
    return hand(http, await http.start({ transport: 'bearer', data: { note: 'from the phone' } }));
  }

  @Post('rotate')
  async rotate(@CurrentHttpSession() http: HttpSession): Promise<Handed> {
    return hand(http, await http.rotate());
  }

  @Post('reauthenticate')
  async reauthenticate(@CurrentHttpSession() http: HttpSession): Promise<Handed> {
    return hand(http, await http.reauthenticate({ amr: ['pwd'] }));
  }

  @Public()
  @Post('both')
  async both(@CurrentHttpSession() http: HttpSession): Promise<Handed> {
    await http.signIn({ userId: 'ada' });
    return hand(http, await http.signIn({ userId: 'ada', transport: 'bearer' }));
  }

  @Public()
  @Post('sign-out')
  async signOut(@CurrentHttpSession() http: HttpSession): Promise<{ ended: boolean }> {
    return { ended: await http.signOut({ clearSiteData: ['storage'] }) };
  }

  @Public()
  @Post('wrong')
  async wrong(@Body() { transport }: SignIn, @CurrentHttpSession() http: HttpSession): Promise<{ refusal: string }> {
    const error: unknown = await http.signIn({ userId: 'ada', transport }).catch((thrown: unknown) => thrown);
    return { refusal: error instanceof SessionArgumentError ? error.message : 'none' };
  }

  @Get('me')
  me(@CurrentSession() { userId }: Session, @CurrentHttpSession() http: HttpSession): object {
    return { userId, transport: http.transport, token: http.takeBearerToken() ?? null };
  }

  @Public()
  @Get('transport')
  transport(@CurrentHttpSession() http: HttpSession): object {
    return { transport: http.transport ?? null };
  }
}

function hand(http: HttpSession, session: Session | undefined): Handed {
  const token = http.takeBearerToken() ?? null;
  return { session: session ?? null, token, again: http.takeBearerToken() ?? null };
}
