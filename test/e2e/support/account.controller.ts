import { Body, Controller, Delete, Get, Head, Header, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import {
  AllowAnonymous,
  CurrentHttpSession,
  CurrentSession,
  NoTouch,
  Public,
  RequireFreshSession,
  SessionArgumentError,
  SessionDataTooLargeError,
  SessionGuard,
  SessionLimitReachedError,
  SessionService,
  SessionStoreUnavailableError,
  SessionUpdateConflictError,
  type HttpSession,
  type Session,
  type SignIn,
} from 'nest-sessions';

declare module 'nest-sessions' {
  interface SessionData {
    note?: string;
    cart?: string[];
    visits?: number;
  }
}

/** An application as somebody would write it, with everything that a session can do. */
@UseGuards(SessionGuard)
@Controller()
export class AccountController {
  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('sign-in')
  signIn(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession): Promise<Session> {
    return http.signIn(input);
  }

  @Public()
  @Post('start')
  start(@Body() data: Session['data'], @CurrentHttpSession() http: HttpSession): Promise<Session> {
    return http.start({ data });
  }

  @Get('me')
  me(@CurrentSession() session: Session): Session {
    return session;
  }

  @AllowAnonymous()
  @Get('cart')
  cart(@CurrentSession() { userId, data }: Session): object {
    return { userId, cart: data.cart ?? [] };
  }

  @Head('head')
  head(): void {}

  @Public()
  @Get('maybe')
  async maybe(@CurrentHttpSession() http: HttpSession): Promise<{ userId: string | null | undefined }> {
    const [first, second] = await Promise.all([http.current(), http.current()]);
    return { userId: first === second ? first?.userId : 'two answers for one request' };
  }

  @Public()
  @Get('open')
  open(): { open: true } {
    return { open: true };
  }

  @Post('note')
  async note(@CurrentSession() session: Session, @Body() { note }: { note: string }): Promise<Session | undefined> {
    return this.sessions.update(session, { set: { note }, increment: { visits: 1 } });
  }

  @Post('email')
  @RequireFreshSession('10m')
  changeEmail(): { changed: true } {
    return { changed: true };
  }

  @Post('reauthenticate')
  async reauthenticate(@CurrentHttpSession() http: HttpSession): Promise<{ session: Session | null }> {
    return { session: (await http.reauthenticate({ amr: ['pwd', 'otp'] })) ?? null };
  }

  @Post('rotate')
  async rotate(@CurrentHttpSession() http: HttpSession): Promise<{ session: Session | null }> {
    return { session: (await http.rotate()) ?? null };
  }

  @Public()
  @Post('sign-out')
  @HttpCode(200)
  async signOut(@CurrentHttpSession() http: HttpSession): Promise<{ ended: boolean; left: boolean }> {
    const ended = await http.signOut();
    return { ended, left: (await http.current()) !== undefined };
  }

  @Post('switch-user')
  async switchUser(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession): Promise<Session> {
    await http.signOut();
    return http.signIn(input);
  }

  @Get('devices')
  devices(@CurrentSession() { userId }: Session): Promise<Session[]> {
    return this.sessions.listByUser(userId ?? '');
  }

  @Delete('devices/:id')
  async revoke(@Param('id') id: string, @CurrentHttpSession() http: HttpSession): Promise<{ revoked: boolean }> {
    return { revoked: await http.revoke(id) };
  }

  @Delete('devices')
  async revokeOthers(@CurrentHttpSession() http: HttpSession): Promise<{ revoked: number }> {
    return { revoked: await http.revokeOthers() };
  }

  @Get('poll')
  @NoTouch()
  poll(@CurrentSession() { id }: Session): { id: string } {
    return { id };
  }

  @Get('unguarded-mistake')
  @Public()
  mistake(@CurrentSession() session: Session): Session {
    return session;
  }

  @Public()
  @Header('Cache-Control', 'public, max-age=60')
  @Header('Vary', 'Accept')
  @Post('sign-in-cacheable')
  signInCacheable(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession): Promise<Session> {
    return http.signIn(input);
  }

  @Public()
  @Get('fail/:kind')
  fail(@Param('kind') kind: string): never {
    if (kind === 'unavailable') throw new SessionStoreUnavailableError('test', 'it is down');
    if (kind === 'limit') throw new SessionLimitReachedError('somebody-secret', 3);
    if (kind === 'too-large') throw new SessionDataTooLargeError(5000, 4096);
    if (kind === 'conflict') throw new SessionUpdateConflictError('an-id', 'was changed');
    throw new SessionArgumentError('a mistake in the application');
  }
}
