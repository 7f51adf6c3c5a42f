import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable, UseGuards, Controller, Post, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { HttpSessions, SessionGuard, type SessionModuleOptions } from 'nest-sessions';
import type { CsrfRejection } from '#src/core/events/session-events.js';
import { AccountController } from './support/account.controller.js';
import {
  CallbacksController,
  FormsController,
  FormsControllerBase,
  MoreCallbacksController,
} from './support/forms.controller.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import type { TestRequest } from './support/test-client.js';

const EVIL = 'https://attacker.example';
const CROSS_SITE = { 'Sec-Fetch-Site': 'cross-site', Origin: EVIL };
const REFUSAL = { statusCode: 403, error: 'csrf_rejected', message: 'Cross-origin request refused' };

/** Asks for the session in a guard that the application puts before all others. */
@Injectable()
class EarlyGuard implements CanActivate {
  constructor(private readonly sessions: HttpSessions) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await this.sessions.get(context).current()) !== undefined;
  }
}

@UseGuards(EarlyGuard)
@Controller('early')
class EarlyController extends FormsControllerBase {
  @Post()
  post() {
    return this.run('early');
  }
}

const controllers = [AccountController, FormsController, CallbacksController, MoreCallbacksController, EarlyController];

describe.each(ADAPTERS)('CSRF protection on %s', (adapter) => {
  const start = (
    csrf?: SessionModuleOptions['csrf'],
    guards: object[] = [],
    origins?: SessionModuleOptions['origins'],
  ) =>
    startTestApp({
      adapter,
      controllers,
      options: { csrf, origins },
      providers: guards.map((useClass) => ({ provide: APP_GUARD, useClass: useClass as typeof SessionGuard })),
      configure: (nest) =>
        void nest.use((_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
          response.setHeader('Vary', 'Accept-Encoding, origin');
          next();
        }),
    });

  beforeEach(() => void (FormsControllerBase.ran.length = 0));

  describe('by default', () => {
    let app: TestApp;
    const heard: CsrfRejection[] = [];

    beforeAll(async () => {
      app = await start();
      app.sessions.events.on('csrf-rejected', (rejection) => void heard.push(rejection));
    });
    afterAll(() => app?.close());
    beforeEach(() => {
      heard.length = 0;
      app.store.calls.length = 0;
      app.log.length = 0;
    });

    const post = (path: string, headers: Record<string, string>, more: Partial<TestRequest> = {}) =>
      app.client.send({ method: 'POST', path, headers, ...more });

    it.each<Record<string, string>>([
      CROSS_SITE,
      { 'Sec-Fetch-Site': 'same-site', Origin: 'http://sibling.example' },
      { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' },
      { 'Sec-Fetch-Site': 'same-origin, cross-site' },
      { Origin: EVIL },
      { Origin: 'null' },
      { ORIGIN: EVIL, 'X-HTTP-Method-Override': 'GET' },
      { ...CROSS_SITE, 'X-Forwarded-Host': 'attacker.example' },
    ])('refuses a sign-in with %j: nothing asked of the store, no cookie, no session (login CSRF)', async (headers) => {
      const response = await post('/sign-in', headers, { body: { userId: 'mallory' } });
      expect(response.status).toBe(403);
      expect(response.json()).toEqual(REFUSAL);
      expect(response.setCookies).toEqual([]);
      expect(app.store.calls).toEqual([]);
      expect(await app.sessions.listByUser('mallory')).toEqual([]);
    });

    it.each(['PUT', 'PATCH', 'DELETE', 'POST'])(
      'refuses %s on a handler without any guard, which does not run',
      async (method) => {
        expect((await app.client.send({ method, path: '/forms', headers: CROSS_SITE })).json()).toEqual(REFUSAL);
        expect(FormsControllerBase.ran).toEqual([]);
      },
    );

    it.each([undefined, 'TEXT/PLAIN', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'])(
      'refuses whatever content type it has: %s',
      async (type) => {
        const response = await post('/forms', { ...CROSS_SITE, ...(type && { 'Content-Type': type }) });
        // Fastify turns a type away that it has no parser for before any handler is chosen: 415.
        expect([403, 415]).toContain(response.status);
        expect(FormsControllerBase.ran).toEqual([]);
      },
    );

    it.each(['/form%73', '/forms/', '//forms', '/FORMS', '/forms;x', '/forms?_csrf=x', '/./forms'])(
      'lets no spelling of the path past it: %s (CVE-2025-69211, CVE-2026-2293, CVE-2026-54281)',
      async (path) => {
        expect([403, 404]).toContain((await post(path, CROSS_SITE)).status);
        expect(FormsControllerBase.ran).toEqual([]);
      },
    );

    it.each<Record<string, string>>([
      {},
      { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' },
      { 'sec-fetch-site': 'none' },
      { 'Sec-Fetch-Site': 'same-origin', Origin: EVIL },
    ])('lets %j through', async (headers) => {
      expect((await post('/forms', headers)).json()).toEqual({ ran: 'post' });
      expect(heard).toEqual([]);
    });

    it('compares Origin with Host where the browser sends no Sec-Fetch-Site', async () => {
      const own = new URL(await app.nest.getUrl());
      expect((await post('/forms', { Origin: own.origin })).status).toBe(201);
      own.port = '1';
      expect((await post('/forms', { Origin: own.origin })).status).toBe(403);
    });

    it('leaves reading alone: GET, HEAD and a preflight of any site', async () => {
      expect((await app.client.send({ path: '/forms', headers: CROSS_SITE })).json()).toEqual({ ran: 'read' });
      expect((await app.client.send({ method: 'HEAD', path: '/forms', headers: CROSS_SITE })).status).toBe(200);
      expect((await app.client.send({ method: 'OPTIONS', path: '/forms', headers: CROSS_SITE })).status).not.toBe(403);
    });

    it('says what the answer depends on, beside what it said before', async () => {
      expect((await post('/forms', CROSS_SITE)).headers.vary).toBe('Accept-Encoding, origin, Sec-Fetch-Site');
      expect((await post('/forms', {})).headers.vary).toBe('Accept-Encoding, origin');
    });

    it('refuses before SessionGuard, and any guard that asks for the session, reaches the store', async () => {
      const { token } = await app.sessions.create({ userId: 'ada' });
      const cookies = [`__Host-session=${token}`];
      app.store.calls.length = 0;
      expect((await post('/note', CROSS_SITE, { cookies, body: {} })).json()).toEqual(REFUSAL);
      expect((await post('/early', CROSS_SITE, { cookies })).json()).toEqual(REFUSAL);
      expect(app.store.calls).toEqual([]);
      expect((await post('/early', {}, { cookies })).json()).toEqual({ ran: 'early' });
      expect(FormsControllerBase.ran).toEqual(['early']);
    });

    it('logs one line and tells one event, with no secret and no forged line', async () => {
      const { token } = await app.sessions.create({ userId: 'ada' });
      const Origin = `\u009b31m"${'x'.repeat(5000)}`;
      const arrived = `\u00c2\u009b31m"${'x'.repeat(194)}`;
      await post(`/note?secret=${token}`, { Origin }, { cookies: [`__Host-session=${token}`], body: {} });
      const [line, ...more] = app.log.filter((one) => one.includes('csrf'));
      expect(more).toEqual([]);
      expect(line).toMatch(
        /^warn csrf refused "POST" AccountController.note: foreign-origin, Sec-Fetch-Site null, Origin "\\u00c2\\u009b31m\\"x{194}"$/,
      );
      expect(heard).toEqual([
        {
          refusal: 'foreign-origin',
          isEnforced: true,
          method: 'POST',
          origin: arrived,
          secFetchSite: null,
          at: expect.any(Date),
          ipAddress: '127.0.0.1',
          userAgent: null,
        },
      ]);
      expect(app.log.join('\n')).not.toContain(token);
    });

    it('exempts a handler, or a class, but not what a subclass adds to it', async () => {
      expect((await post('/forms/exempt', CROSS_SITE)).json()).toEqual({ ran: 'exempt' });
      expect((await post('/callbacks', CROSS_SITE)).json()).toEqual({ ran: 'callback' });
      expect((await post('/more-callbacks/added', CROSS_SITE)).json()).toEqual(REFUSAL);
      expect((await post('/more-callbacks', CROSS_SITE)).json()).toEqual(REFUSAL);
    });

    it('answers 404 where there is nothing, whoever asks', async () => {
      expect((await post('/nowhere', CROSS_SITE)).status).toBe(404);
    });
  });

  it('refuses before SessionGuard as APP_GUARD, which Nest calls first', async () => {
    const app = await start(undefined, [SessionGuard]);
    const { token } = await app.sessions.create({ userId: 'ada' });
    app.store.calls.length = 0;
    const request = { method: 'POST', path: '/forms', cookies: [`__Host-session=${token}`] };
    expect((await app.client.send({ ...request, headers: CROSS_SITE })).json()).toEqual(REFUSAL);
    expect((await app.client.send({ ...request, headers: CROSS_SITE, cookies: [] })).json()).toEqual(REFUSAL);
    expect(app.store.calls).toEqual([]);
    expect((await app.client.send(request)).json()).toEqual({ ran: 'post' });
    await app.close();
  });

  it('only logs when told to, once a request, and says so at boot', async () => {
    const app = await start({ mode: 'log-only' }, [SessionGuard]);
    const heard: CsrfRejection[] = [];
    app.sessions.events.on('csrf-rejected', (rejection) => void heard.push(rejection));
    expect(app.log.some((line) => line.startsWith("warn csrf.mode is 'log-only'"))).toBe(true);
    const { token } = await app.sessions.create({ userId: 'ada' });
    const cookies = [`__Host-session=${token}`];
    const response = await app.client.send({ method: 'POST', path: '/forms', headers: CROSS_SITE, cookies });
    expect(response.json()).toEqual({ ran: 'post' });
    expect(
      app.log.filter((line) => line.startsWith('warn csrf would refuse "POST" FormsController.post')),
    ).toHaveLength(1);
    expect(heard).toMatchObject([{ refusal: 'cross-site', isEnforced: false, origin: EVIL }]);
    await app.close();
  });

  it('is off when told to, and says so at boot', async () => {
    const app = await start(false);
    expect((await app.client.send({ method: 'POST', path: '/forms', headers: CROSS_SITE })).json()).toEqual({
      ran: 'post',
    });
    expect(app.log.filter((line) => line.startsWith('warn csrf'))).toEqual([
      'warn csrf is false: other sites can make browsers send requests, a sign-in among them',
    ]);
    await app.close();
  });

  it('takes origins and what is missing as configured', async () => {
    const app = await start(undefined, [], {
      public: ['https://app.example.com'],
      trusted: ['https://partner.example', 'capacitor://localhost'],
      onMissing: 'reject',
    });
    const statusOf = async (headers: Record<string, string>) =>
      (await app.client.send({ method: 'POST', path: '/forms', headers })).status;
    expect(await statusOf({ Origin: 'https://app.example.com' })).toBe(201);
    expect(await statusOf({ Origin: 'http://app.example.com' })).toBe(403);
    expect(await statusOf({ Origin: await app.nest.getUrl() })).toBe(403);
    expect(await statusOf({ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://partner.example' })).toBe(201);
    expect(await statusOf({ Origin: 'https://partner.example' })).toBe(201);
    expect(await statusOf({ 'Sec-Fetch-Site': 'cross-site', Origin: 'capacitor://localhost' })).toBe(201);
    expect(await statusOf({ Origin: 'capacitor://localhost' })).toBe(201);
    expect(await statusOf({ 'Sec-Fetch-Site': 'cross-site', Origin: 'ionic://localhost' })).toBe(403);
    expect(await statusOf({ Origin: 'null' })).toBe(403);
    expect(await statusOf(CROSS_SITE)).toBe(403);
    expect(await statusOf({})).toBe(403);
    expect(app.log.filter((line) => line.startsWith('warn csrf is'))).toEqual([]);
    await app.close();
  });
});
