import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, UseGuards, type CanActivate, type ExecutionContext } from '@nestjs/common';
import {
  CurrentHttpSession,
  CurrentSession,
  HttpSessions,
  memoryStore,
  SessionGuard,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { Barrier, Gate } from '../support/barrier.js';
import { AccountController } from './support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import type { TestBrowser } from './support/test-client.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

@Injectable()
class NosyGuard implements CanActivate {
  constructor(private readonly httpSessions: HttpSessions) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (await this.httpSessions.get(context).current()) !== undefined;
  }
}

@Controller('many')
@UseGuards(NosyGuard, SessionGuard, NosyGuard)
class ManyAskersController {
  @Get()
  @UseGuards(SessionGuard)
  async ask(@CurrentSession() session: Session, @CurrentHttpSession() http: HttpSession) {
    return { same: (await http.current()) === session, shown: inspect(http, { depth: 9, showHidden: true }) };
  }
}

describe.each(ADAPTERS)('requests and sessions on %s', (adapter) => {
  const clock = new FakeClock();
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      controllers: [AccountController, ManyAskersController],
      // Touches are spaced by real time, which the test does not want to spend.
      options: { store: memoryStore({ now: clock.now }), touchInterval: '1ms' },
      configure: (nest) => nest.enableCors({ origin: 'https://app.test', credentials: true }),
    });
  });

  afterAll(() => app?.close());

  const signIn = async (userId = 'ada'): Promise<TestBrowser> => {
    const browser = app.openBrowser();
    expect((await browser.post('/sign-in', { userId })).status).toBe(201);
    return browser;
  };

  it('answers 401 without detail, on every way to write the path (Nest CVE-2025-69211, CVE-2026-2293)', async () => {
    const refused = await app.client.send({ path: '/me' });
    expect(refused.status).toBe(401);
    expect(refused.json()).toEqual({ statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' });
    expect(refused.headers['www-authenticate']).toBe('Session');
    expect(refused.setCookies).toEqual([]);
    for (const path of ['/%6de', '/me/', '//me', '/ME', '/me;x', '/me?x=1', '/./me']) {
      expect([401, 404]).toContain((await app.client.send({ path })).status);
    }
  });

  it('checks HEAD like GET, and lets a preflight pass without asking for a session', async () => {
    const browser = await signIn();
    expect((await app.client.send({ method: 'HEAD', path: '/me' })).status).toBe(401);
    expect((await browser.send('HEAD', '/me')).status).toBe(200);
    expect((await app.client.send({ method: 'HEAD', path: '/head' })).status).toBe(401);
    expect((await browser.send('HEAD', '/head')).status).toBe(200);

    const calls = app.store.calls.length;
    const preflight = await app.client.send({
      method: 'OPTIONS',
      path: '/note',
      headers: { Origin: 'https://app.test', 'Access-Control-Request-Method': 'POST' },
      cookies: [`__Host-session=${browser.token}`],
    });
    expect(preflight.status).toBe(204);
    expect(app.store.calls.length).toBe(calls);
  });

  it('asks the store once per request, however many guards and decorators want the session', async () => {
    const browser = await signIn();
    const before = app.store.count('find');
    const { same, shown } = (await browser.get('/many')).json() as { same: boolean; shown: string };
    expect(same).toBe(true);
    expect(app.store.count('find') - before).toBe(1);
    expect(shown).not.toContain(browser.token);

    await browser.get('/maybe');
    expect(app.store.count('find') - before).toBe(2);
  });

  it('knows the visitor on a public route, and does not ask the store where nobody wants to know', async () => {
    const browser = await signIn('maybe');
    expect((await browser.get('/maybe')).json()).toEqual({ userId: 'maybe' });
    const calls = app.store.calls.length;
    expect((await browser.get('/open')).json()).toEqual({ open: true });
    expect(app.store.calls.length).toBe(calls);
  });

  it('asks for re-authentication when the last one is too long ago (ASVS 7.5.1)', async () => {
    const browser = await signIn();
    clock.advance(10 * MINUTE_MS - 1);
    expect((await browser.post('/email')).json()).toEqual({ changed: true });
    clock.advance(1);
    const stale = await browser.post('/email');
    expect(stale.status).toBe(401);
    expect(stale.json()).toEqual({
      statusCode: 401,
      error: 'reauth_required',
      message: 'Recent authentication required',
      maxAgeSeconds: 600,
    });
    expect(stale.headers['www-authenticate']).toBe('Session error="insufficient_user_authentication", max_age=600');
    expect((await browser.get('/me')).status).toBe(200);

    await browser.post('/reauthenticate');
    expect((await browser.post('/email')).json()).toEqual({ changed: true });
  });

  it('takes an anonymous session for nobody signed in, but where a handler allows it', async () => {
    const visitor = app.openBrowser();
    await visitor.post('/start', { cart: ['tea'] });
    expect((await visitor.get('/cart')).json()).toEqual({ userId: null, cart: ['tea'] });
    for (const response of [await visitor.get('/me'), await visitor.post('/email')]) {
      expect(response.status).toBe(401);
      expect(response.json()).toMatchObject({ error: 'unauthenticated' });
    }
    expect((await app.openBrowser().get('/cart')).status).toBe(401);
    expect((await (await signIn()).get('/cart')).json()).toMatchObject({ userId: expect.any(String) });
  });

  it('refuses to sign in nobody', async () => {
    expect((await app.openBrowser().post('/sign-in', { userId: null })).status).toBe(500);
  });

  it('leaves the token alone of a client that is gone before it could take a new one, as after a double click', async () => {
    const browser = await signIn();
    const { port } = new URL(await app.nest.getUrl());
    const gate = new Gate();
    app.store.before = (method) => (method === 'find' ? gate.pass() : undefined);
    const server = app.nest.getHttpServer() as Server;
    const hungUp = once(server, 'connection').then(async ([socket]) => once(socket as Socket, 'close'));
    const clicked = connect(Number(port), '127.0.0.1');
    clicked.write(
      `POST /reauthenticate HTTP/1.1\r\nHost: x\r\nCookie: __Host-session=${browser.token}\r\nContent-Length: 0\r\n\r\n`,
    );
    await gate.reached;
    clicked.destroy();
    await hungUp;
    const rotations = app.store.calls.filter((call) => call === 'rotate').length;
    gate.open();
    app.store.recover();
    expect((await browser.get('/me')).status).toBe(200);
    expect(app.store.calls.filter((call) => call === 'rotate')).toHaveLength(rotations);
  });

  it('gives the loser of two parallel re-authentications the session, and only the winner a cookie', async () => {
    const browser = await signIn();
    const rivals = [browser.clone(), browser.clone()];
    const barrier = new Barrier(rivals.length);
    app.store.before = (method) => (method === 'rotate' ? barrier.arrive() : undefined);
    const responses = await Promise.all(rivals.map((rival) => rival.post('/reauthenticate')));
    app.store.recover();
    expect(responses.map(({ status }) => status)).toEqual([201, 201]);
    const ids = responses.map((response) => (response.json() as { session: Session }).session.id);
    expect(ids[0]).toBe(ids[1]);
    expect(responses.map(({ setCookies }) => setCookies.length).toSorted((a, b) => a - b)).toEqual([0, 1]);
    const alive = await Promise.all(rivals.map(async (rival) => (await rival.get('/me')).status));
    expect(alive.toSorted((a, b) => a - b)).toEqual([200, 401]);
  });

  it('does not re-authenticate a session that was revoked in between', async () => {
    const browser = await signIn('too-late');
    app.store.before = async (method) => {
      if (method === 'rotate') await app.store.store.revokeAll({ userId: 'too-late', reason: 'admin', endedBy: null });
    };
    const response = await browser.post('/reauthenticate');
    app.store.recover();
    expect(response.json()).toEqual({ session: null });
    expect(response.setCookies).toEqual([]);
  });

  it('counts requests as activity, but not those of @NoTouch() (ASVS 7.3.1)', async () => {
    const [active, polling] = [await signIn('active'), await signIn('polling')];
    for (let minutes = 5; minutes <= 40; minutes += 5) {
      clock.advance(5 * MINUTE_MS);
      expect((await active.get('/me')).status).toBe(200);
      expect((await polling.get('/poll')).status).toBe(minutes < 30 ? 200 : 401);
    }
  });

  it('ends a session at its absolute timeout, however busy it is (ASVS 7.3.2)', async () => {
    const browser = await signIn('busy');
    for (let minutes = 5; minutes < 12 * 60; minutes += 5) {
      clock.advance(5 * MINUTE_MS);
      expect((await browser.get('/me')).status).toBe(200);
    }
    clock.advance(5 * MINUTE_MS);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('says what is wrong when a handler wants a session that no guard checked', async () => {
    const response = await (await signIn()).get('/unguarded-mistake');
    expect(response.status).toBe(500);
    expect(app.log.join('\n')).toMatch(/SessionArgumentError: AccountController\.mistake takes @CurrentSession\(\)/);
  });

  it('says why a request was refused in the debug log only', async () => {
    const browser = await signIn();
    const copy = browser.clone();
    await browser.post('/sign-out');
    await copy.get('/me');
    expect(app.log).toContain('debug a request has no live session: unknown');
  });
});

describe.each(ADAPTERS)('the address in a session on %s (arkime/arkime#4005, ASVS 4.1.3)', (adapter) => {
  const signInThrough = async (trustProxy: boolean) => {
    const app = await startTestApp({ adapter, trustProxy });
    try {
      const response = await app.client.send({
        method: 'POST',
        path: '/sign-in',
        body: { userId: 'ada' },
        headers: { 'X-Forwarded-For': '203.0.113.7', 'X-Real-IP': '203.0.113.8', 'User-Agent': 'Test/1.0' },
      });
      return response.json();
    } finally {
      await app.close();
    }
  };

  it('is the socket’s when no proxy is trusted', async () => {
    expect(await signInThrough(false)).toMatchObject({ ipAddress: '127.0.0.1', userAgent: 'Test/1.0' });
  });

  it('is what a trusted proxy says', async () => {
    expect(await signInThrough(true)).toMatchObject({ ipAddress: '203.0.113.7' });
  });
});
