import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Post, UseGuards } from '@nestjs/common';
import { EventEmitter, once } from 'node:events';
import {
  CurrentHttpSession,
  CurrentSession,
  memoryStore,
  RequireAssurance,
  RequireFreshSession,
  SessionGuard,
  type EndedSession,
  type HttpSession,
  type Session,
  type SignIn,
} from 'nest-sessions';
import type { BegunSession } from '#src/core/events/session-events.js';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import type { TestRequest } from '../e2e/support/test-client.js';
import { shareMemory } from '../support/shared-backends.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

/** What an application knows of its users beside their sessions. */
const roles = new Map<string, string>();

@Injectable()
class AdminGuard extends SessionGuard {
  protected override isAccepted({ userId }: Session): boolean {
    return roles.get(userId ?? '') === 'admin';
  }
}

@UseGuards(AdminGuard)
@Controller('admin')
class AdminController {
  @Get()
  read() {
    return { secret: true };
  }
}

@UseGuards(SessionGuard)
@Controller('money')
class MoneyController {
  @RequireAssurance('aal2')
  @RequireFreshSession('1h', { amr: ['otp'] })
  @Post('transfer')
  transfer() {
    return { transferred: true };
  }

  @Get('balance')
  balance(@CurrentSession() { identityProvider }: Session) {
    return { issuer: identityProvider?.issuer ?? null };
  }

  @Post('password')
  async changePassword(@CurrentHttpSession() http: HttpSession) {
    return { ended: (await http.credentialsChanged()).ended };
  }
}

describe.each(ADAPTERS)('ASVS 5.0, what requests bring along, on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    roles.clear();
  });

  const start = async (options: TestAppSettings['options'] = {}) => {
    const app = await startTestApp({
      adapter,
      options,
      controllers: [AccountController, AdminController, MoneyController],
    });
    apps.push(app);
    return app;
  };

  const signIn = async (app: TestApp, input: Partial<SignIn> = {}) => {
    const browser = app.openBrowser();
    expect((await browser.post('/sign-in', { userId: 'ada', amr: ['pwd'], ...input })).status).toBe(201);
    return browser;
  };

  it('V4.1.3 takes no address from headers that anybody can send', async () => {
    const app = await start();
    const told: unknown[] = [];
    app.sessions.events.onAny((_name, event) => void told.push((event as { ipAddress?: unknown }).ipAddress));
    const spoofed = {
      'X-Forwarded-For': '203.0.113.7',
      'X-Real-IP': '203.0.113.7',
      Forwarded: 'for=203.0.113.7',
      'X-Client-IP': '203.0.113.7',
      'CF-Connecting-IP': '203.0.113.7',
      'True-Client-IP': '203.0.113.7',
    };
    const send = (path: string, more: Partial<TestRequest> = {}) =>
      app.client.send({ method: 'POST', path, headers: spoofed, body: { userId: 'ada' }, ...more });
    expect((await send('/sign-in')).json()).toMatchObject({ ipAddress: '127.0.0.1' });
    await send('/note', { headers: { ...spoofed, Origin: 'https://evil.example' } });
    expect(told).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(app.log.join('\n')).not.toContain('203.0.113.7');
  });

  it('V6.3.5 tells of a sign-in from a device that none of the other sessions knows', async () => {
    const app = await start();
    const begun = new EventEmitter();
    const hear = (session: BegunSession) => void begun.emit('created', session.isNewDevice);
    app.sessions.events.on('created', hear, { newDevices: true });
    const signInWith = async (userAgent: string) => {
      const heard = once(begun, 'created');
      const headers = { 'User-Agent': userAgent };
      await app.client.send({ method: 'POST', path: '/sign-in', headers, body: { userId: 'ada' } });
      return ((await heard) as [boolean])[0];
    };
    expect(await signInWith(FIREFOX)).toBe(true);
    expect(await signInWith(FIREFOX)).toBe(false);
    expect(await signInWith('curl/8.5.0')).toBe(true);
  });

  it('V6.3.7 tells which sessions a change of credentials ended, whoever made it', async () => {
    const app = await start();
    const ended: EndedSession[] = [];
    const [owner, thief] = [await signIn(app), await signIn(app)];
    const { id } = (await owner.get('/me')).json() as Session;
    app.sessions.events.on('ended', (event) => void ended.push(event));
    expect((await thief.post('/money/password')).json()).toEqual({ ended: 1 });
    expect(ended).toMatchObject([{ id, userId: 'ada', endReason: 'credential-change', endedBy: 'ada' }]);
  });

  it('V6.8.4 asks for the strength and age of the sign-in that a handler needs, at the identity provider too', async () => {
    const clock = new FakeClock();
    const app = await start({
      store: memoryStore({ now: clock.now }),
      maxIdentityProviderAge: '8h',
      idleTimeout: '12h',
    });
    const statusOf = async (input: Partial<SignIn>, path = '/money/balance', method = 'GET') =>
      (await (await signIn(app, input)).send(method, path)).status;
    const transfer = (input: Partial<SignIn>) => statusOf(input, '/money/transfer', 'POST');
    expect(await transfer({ amr: ['pwd'] })).toBe(401);
    expect(await transfer({ amr: ['otp'] })).toBe(401);
    expect(await transfer({ amr: ['pwd', 'hwk'] })).toBe(401);
    expect(await transfer({ amr: ['pwd', 'otp'], assuranceLevel: 'aal1' })).toBe(401);
    expect(await transfer({ amr: ['pwd', 'otp'] })).toBe(201);
    const ago = (ms: number) => new Date(clock.now().getTime() - ms);
    const provider = (authenticatedAt?: Date) => ({
      identityProvider: { issuer: 'https://idp.example', authenticatedAt },
    });
    for (const [input, status] of [
      [provider(ago(7 * 60 * MINUTE_MS)), 200],
      [provider(ago(9 * 60 * MINUTE_MS)), 401],
      [provider(), 401],
    ] as const) {
      const { token } = await app.sessions.create({ userId: 'ada', amr: ['fed'], ...input });
      const answer = await app.client.send({ path: '/money/balance', cookies: [`__Host-session=${token}`] });
      expect([input, answer.status]).toEqual([input, status]);
    }
  });

  it('V8.2.4 lets nobody in by a cookie that turned up in another browser, until its owner proves who they are', async () => {
    const app = await start({ onAnomaly: ({ changes }) => (changes.includes('user-agent') ? 'step-up' : 'notify') });
    const owner = { 'User-Agent': FIREFOX };
    const ask = (path: string, cookie: string, headers: Record<string, string>) =>
      app.client.send({
        method: path === '/me' ? 'GET' : 'POST',
        path,
        headers,
        cookies: [cookie],
        body: { userId: 'ada' },
      });
    const cookieOf = ({ setCookies }: { setCookies: readonly string[] }) => setCookies[0]?.split(';')[0] ?? '';
    const stolen = cookieOf(await ask('/sign-in', '', owner));
    expect((await ask('/me', stolen, owner)).status).toBe(200);
    const thief = { 'User-Agent': 'curl/8.14.1' };
    for (const headers of [thief, owner, thief]) {
      expect((await ask('/me', stolen, headers)).json()).toMatchObject({ statusCode: 401, error: 'reauth_required' });
    }
    const fresh = cookieOf(await ask('/sign-in', stolen, owner));
    expect((await ask('/me', fresh, owner)).status).toBe(200);
    expect((await ask('/me', stolen, thief)).status).toBe(401);
  });

  it('V8.3.2 asks the application at every request what a user may do, and shows each what a session holds now', async () => {
    const shared = shareMemory();
    const [here, there] = [await start({ store: shared.define() }), await start({ store: shared.define() })];
    const browser = await signIn(here);
    const cookies = [`__Host-session=${browser.token}`];
    const statuses = () =>
      Promise.all([here, there].map(async ({ client }) => (await client.send({ path: '/admin', cookies })).status));
    roles.set('ada', 'admin');
    expect(await statuses()).toEqual([200, 200]);
    roles.set('ada', 'guest');
    expect(await statuses()).toEqual([403, 403]);
    roles.set('ada', 'admin');
    expect(await statuses()).toEqual([200, 200]);
    await browser.post('/note', { note: 'changed here' });
    const seen = await there.client.send({ path: '/me', cookies });
    expect(seen.json()).toMatchObject({ data: { note: 'changed here' } });
  });

  it('V14.2.1 reads no token from an address, a body or a header of another name', async () => {
    const app = await start({ bearer: true });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const names = ['__Host-session', 'session', 'token', 'access_token', 'sid'];
    const query = names.map((name) => `${name}=${token}`).join('&');
    const headers = {
      'X-Session': token,
      'X-Access-Token': token,
      'X-Auth-Token': token,
      Cookie2: `__Host-session=${token}`,
    };
    const body = Object.fromEntries(names.map((name) => [name, token]));
    app.store.calls.length = 0;
    for (const request of [
      { path: `/me?${query}` },
      { path: `/me;__Host-session=${token}` },
      { path: '/me', headers },
      { path: '/note', method: 'POST', body },
      { path: `/note?${query}`, method: 'POST', headers, body },
    ]) {
      const { status } = await app.client.send(request);
      expect([request, [401, 404].includes(status)]).toEqual([request, true]);
    }
    expect(app.store.calls).toEqual([]);
    expect((await app.client.send({ path: '/me', cookies: [`__Host-session=${token}`] })).status).toBe(200);
  });

  it('V14.3.1 has the browser forget what a session saw when it ends, the store failing or not', async () => {
    const app = await start({ clearSiteData: ['cache', 'storage'] });
    for (const isDown of [false, true]) {
      const browser = await signIn(app);
      if (isDown) app.store.breakDown();
      const { headers, setCookies } = await browser.post('/sign-out');
      app.store.recover();
      expect(headers['clear-site-data']).toBe('"cache", "storage"');
      expect(setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0; Path=\/;/)]);
    }
  });

  it('V14.3.2 lets no cache keep an answer that carries a token, a GET among them', async () => {
    const clock = new FakeClock();
    const app = await start({ store: memoryStore({ now: clock.now }), rotation: { every: '15m' }, idleTimeout: '1h' });
    const browser = app.openBrowser();
    const answers = [
      await browser.post('/sign-in-cacheable', { userId: 'ada' }),
      await browser.post('/reauthenticate'),
      await browser.post('/rotate'),
    ];
    clock.advance(16 * MINUTE_MS);
    answers.push(await browser.get('/me'), await browser.post('/sign-out'));
    for (const { headers, setCookies } of answers) {
      expect(setCookies).toHaveLength(1);
      expect([headers['cache-control'], headers.vary]).toEqual(['no-store', expect.stringMatching(/\bCookie\b/)]);
    }
  });
});
