import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  UseFilters,
  UseGuards,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type Provider,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { SessionHttpErrors, SessionLimitReachedError, SessionService } from 'nest-sessions';
import { AccountController } from './support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

@Injectable()
abstract class ReportingFilter implements ExceptionFilter {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: Error, host: ArgumentsHost): void {
    this.report(error, host);
  }

  protected report(error: Error, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    const body = { caughtBy: this.constructor.name, error: error.name, status };
    this.adapterHost.httpAdapter.reply(host.switchToHttp().getResponse(), body, status);
  }
}

@Catch()
class EverythingFilter extends ReportingFilter {}

@Catch()
class MappingFilter extends ReportingFilter {
  constructor(
    adapterHost: HttpAdapterHost,
    private readonly sessionErrors: SessionHttpErrors,
  ) {
    super(adapterHost);
  }

  override catch(thrown: Error, host: ArgumentsHost): void {
    this.report(this.sessionErrors.findException(thrown, host) ?? thrown, host);
  }
}

@Catch(SessionLimitReachedError)
class LimitFilter extends ReportingFilter {}

@Injectable()
class AskingGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(): Promise<boolean> {
    return (await this.sessions.listByUser('ada')).length > 0;
  }
}

@Controller('other')
class OtherController {
  @Get('guarded')
  @UseGuards(AskingGuard)
  guarded(): void {}

  @Get('limit')
  @UseFilters(LimitFilter)
  limit(): never {
    throw new SessionLimitReachedError('ada', 3);
  }
}

const controllers = [AccountController, OtherController];

describe.each(ADAPTERS)('session errors over HTTP on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      controllers,
      options: { maxSessionsPerUser: 2, onLimit: 'reject', maxDataBytes: 64 },
    });
  });

  afterEach(() => app.store.recover());
  afterAll(() => app?.close());

  const signIn = async (userId: string) => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId });
    return browser;
  };

  it('is 503 with Retry-After when the store does not answer, keeps the cookie, and works afterwards (better-auth/better-auth#4203)', async () => {
    const browser = await signIn('patient');
    app.store.breakDown();
    for (const path of ['/me', '/maybe', '/devices']) {
      const response = await browser.get(path);
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.setCookies).toEqual([]);
      expect(response.json()).toEqual({
        statusCode: 503,
        error: 'sessions_unavailable',
        message: 'Service Unavailable',
      });
    }
    expect((await browser.get('/open')).status).toBe(200);
    app.store.recover();
    expect((await browser.get('/me')).json()).toMatchObject({ userId: 'patient' });
    expect(app.log.filter((line) => line.includes('requests are answered with 503'))).toHaveLength(1);
  });

  it('does not sign in when the store fails, and sets no cookie', async () => {
    app.store.breakDown('create');
    const response = await app.openBrowser().post('/sign-in', { userId: 'ada' });
    expect(response.status).toBe(503);
    expect(response.setCookies).toEqual([]);
  });

  it('clears the cookie at sign-out although the store failed, and says that it failed', async () => {
    const browser = await signIn('leaving');
    app.store.breakDown('revoke');
    const response = await browser.post('/sign-out');
    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toBe('5');
    expect(browser.jar.size).toBe(0);
  });

  it.each([
    ['unavailable', 503, 'sessions_unavailable'],
    ['limit', 409, 'session_limit_reached'],
    ['conflict', 409, 'session_update_conflict'],
    ['too-large', 413, 'session_data_too_large'],
  ])('maps what a handler throws: %s to %i', async (kind, status, error) => {
    const response = await app.client.send({ path: `/fail/${kind}` });
    expect(response.status).toBe(status);
    expect(response.json()).toMatchObject({ statusCode: status, error });
    expect(response.text).not.toContain('secret');
    expect(response.headers['retry-after']).toBe(status === 503 ? '5' : undefined);
  });

  it('leaves a mistake of the application a 500, logged with its message', async () => {
    const response = await app.client.send({ path: '/fail/argument' });
    expect(response.status).toBe(500);
    expect(response.text).not.toContain('mistake');
    expect(app.log).toContain('error SessionArgumentError: a mistake in the application');
  });

  it('maps what a guard of the application lets through', async () => {
    app.store.breakDown('listByUser');
    const response = await app.client.send({ path: '/other/guarded' });
    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toBe('5');
  });

  it('is 409 at the third sign-in of a user who may have two sessions', async () => {
    await Promise.all([signIn('limited'), signIn('limited')]);
    const third = await app.openBrowser().post('/sign-in', { userId: 'limited' });
    expect(third.status).toBe(409);
    expect(third.setCookies).toEqual([]);
    expect(third.text).not.toContain('limited"');
  });

  it('is 413 when data is over the limit, and the session stays as it was', async () => {
    const browser = await signIn('hoarder');
    expect((await browser.post('/note', { note: 'x'.repeat(100) })).status).toBe(413);
    expect((await browser.get('/me')).json()).toMatchObject({ data: {} });
    expect((await app.openBrowser().post('/sign-in', { userId: 'x', data: { note: 'x'.repeat(100) } })).status).toBe(
      413,
    );
  });

  it('is 500 when a user id is none', async () => {
    expect((await app.openBrowser().post('/sign-in', { userId: '' })).status).toBe(500);
    expect((await app.openBrowser().post('/sign-in', {})).status).toBe(500);
  });
});

describe.each(ADAPTERS)('exception filters of the application on %s', (adapter) => {
  const answersOf = async (settings: { providers?: Provider[]; useGlobal?: boolean }, ...paths: string[]) => {
    const app = await startTestApp({
      adapter,
      controllers,
      providers: settings.providers,
      configure: (nest) =>
        void (settings.useGlobal && nest.useGlobalFilters(new EverythingFilter(nest.get(HttpAdapterHost)))),
    });
    try {
      return await Promise.all(paths.map(async (path) => (await app.client.send({ path })).json()));
    } finally {
      await app.close();
    }
  };

  it('bound to a handler see the session error itself', async () => {
    expect(await answersOf({}, '/other/limit')).toEqual([
      { caughtBy: 'LimitFilter', error: 'SessionLimitReachedError', status: 500 },
    ]);
  });

  it('given as a catch-all APP_FILTER get the HTTP exception', async () => {
    const providers = [{ provide: APP_FILTER, useClass: EverythingFilter }];
    expect(await answersOf({ providers }, '/fail/limit', '/fail/unavailable', '/fail/argument', '/me')).toEqual([
      { caughtBy: 'EverythingFilter', error: 'ConflictException', status: 409 },
      { caughtBy: 'EverythingFilter', error: 'ServiceUnavailableException', status: 503 },
      { caughtBy: 'EverythingFilter', error: 'SessionArgumentError', status: 500 },
      { caughtBy: 'EverythingFilter', error: 'UnauthorizedException', status: 401 },
    ]);
  });

  it('given as an APP_FILTER for one session error get that error', async () => {
    const providers = [
      { provide: APP_FILTER, useClass: EverythingFilter },
      { provide: APP_FILTER, useClass: LimitFilter },
    ];
    expect(await answersOf({ providers }, '/fail/limit', '/fail/too-large')).toEqual([
      { caughtBy: 'LimitFilter', error: 'SessionLimitReachedError', status: 500 },
      { caughtBy: 'EverythingFilter', error: 'PayloadTooLargeException', status: 413 },
    ]);
  });

  it('given by useGlobalFilters come first: the guard’s exceptions as such, session errors of handlers raw', async () => {
    expect(await answersOf({ useGlobal: true }, '/me', '/fail/limit')).toEqual([
      { caughtBy: 'EverythingFilter', error: 'UnauthorizedException', status: 401 },
      { caughtBy: 'EverythingFilter', error: 'SessionLimitReachedError', status: 500 },
    ]);
  });

  it('given by useGlobalFilters answer like the module with SessionHttpErrors', async () => {
    const app = await startTestApp({
      adapter,
      controllers,
      configure: (nest) =>
        void nest.useGlobalFilters(new MappingFilter(nest.get(HttpAdapterHost), nest.get(SessionHttpErrors))),
    });
    const outage = await app.client.send({ path: '/fail/unavailable' });
    expect(outage.status).toBe(503);
    expect(outage.headers['retry-after']).toBe('5');
    expect((await app.client.send({ path: '/fail/limit' })).status).toBe(409);
    expect((await app.client.send({ path: '/nowhere' })).status).toBe(404);
    await app.close();
  });
});
