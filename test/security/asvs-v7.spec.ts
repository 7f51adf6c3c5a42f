import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { CurrentHttpSession, memoryStore, Public, SessionGuard, type HttpSession, type Session } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import { Gate } from '../support/barrier.js';
import { shareMemory } from '../support/shared-backends.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const disabled = new Set<string>();

/** What an application adds of its own: accounts that can be disabled, passwords that can be changed. */
@UseGuards(SessionGuard)
@Controller('accounts')
class AccountsController {
  @Public()
  @Post('sign-in')
  signIn(@Body() { userId }: { userId: string }, @CurrentHttpSession() http: HttpSession): Promise<Session> {
    return http.signIn({ userId, amr: ['pwd'], isStillAllowed: () => !disabled.has(userId) });
  }

  @Post('password')
  async changePassword(@CurrentHttpSession() http: HttpSession): Promise<{ ended: number }> {
    const { ended } = await http.credentialsChanged();
    return { ended };
  }
}

describe.each(ADAPTERS)('ASVS 5.0 V7, session management, on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    disabled.clear();
  });

  const start = async (options: TestAppSettings['options'] = {}) => {
    const app = await startTestApp({ adapter, options, controllers: [AccountController, AccountsController] });
    apps.push(app);
    return app;
  };

  const signIn = async (app: TestApp, userId = 'ada') => {
    const browser = app.openBrowser();
    const answer = await browser.post('/sign-in', { userId, amr: ['pwd'] });
    expect(answer.status).toBe(201);
    return { browser, id: (answer.json() as Session).id };
  };

  it('V7.1.1 tells at boot of a timeout over the chosen profile, unless its deviation is justified', async () => {
    const warnings = ({ log }: TestApp) =>
      log.filter((line) => line.startsWith('warn') && line.includes('idleTimeout'));
    expect(warnings(await start({ profile: 'aal2', idleTimeout: '2h' }))).toHaveLength(1);
    const justifications = { idleTimeout: 'Shifts in the control room last two hours.' };
    expect(warnings(await start({ profile: 'aal2', idleTimeout: '2h', justifications }))).toEqual([]);
  });

  it.each(['revoke-oldest', 'reject'] as const)(
    'V7.1.2 leaves three live sessions of twelve parallel sign-ins where three are allowed (%s)',
    async (onLimit) => {
      const app = await start({ maxSessionsPerUser: 3, onLimit });
      const browsers = Array.from({ length: 12 }, () => app.openBrowser());
      const answers = await Promise.all(browsers.map((one) => one.post('/sign-in', { userId: 'ada' })));
      expect(answers.filter(({ status }) => status === 409)).toHaveLength(onLimit === 'reject' ? 9 : 0);
      const statuses = await Promise.all(browsers.map(async (one) => (await one.get('/me')).status));
      expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    },
  );

  it('V7.2.1 believes no cookie with a changed character, and writes nothing for it', async () => {
    const app = await start();
    const { browser } = await signIn(app);
    const before = app.store.calls.length;
    for (let index = 0; index < browser.token.length; index++) {
      const other = browser.token[index] === 'A' ? 'B' : 'A';
      const forged = browser.token.slice(0, index) + other + browser.token.slice(index + 1);
      const cookies = [`__Host-session=${forged}`];
      expect([index, (await app.client.send({ path: '/me', cookies })).status]).toEqual([index, 401]);
    }
    expect(new Set(app.store.calls.slice(before))).toEqual(new Set(['find']));
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('V7.2.2 makes another token at each sign-in, whatever the client brings along', async () => {
    const app = await start();
    const { browser } = await signIn(app);
    const seen = new Set([browser.token]);
    for (let times = 0; times < 5; times++) {
      await browser.post('/accounts/sign-in', { userId: 'ada', token: browser.token, id: browser.token });
      seen.add(browser.token);
    }
    expect(seen.size).toBe(6);
  });

  it('V7.2.2 refuses a request body that an application passes on whole, and leaves the session as it was', async () => {
    const app = await start();
    const { browser, id } = await signIn(app);
    const before = browser.token;
    for (const field of ['token', 'id', 'sessionId']) {
      const answer = await browser.post('/sign-in', { userId: 'ada', [field]: before });
      expect([field, answer.status]).toEqual([field, 500]);
    }
    expect(browser.token).toBe(before);
    expect((await browser.get('/me')).json()).toMatchObject({ id });
    expect(await app.sessions.listByUser('ada')).toHaveLength(1);
  });

  it('V7.2.3 makes tokens of 256 bits of which none repeats and no part is constant', async () => {
    const app = await start({ maxSessionsPerUser: undefined });
    const secrets: Buffer[] = [];
    for (let times = 0; times < 2000; times++) {
      const { token } = await app.sessions.create({ userId: 'ada' });
      secrets.push(Buffer.from(token, 'base64url').subarray(16));
    }
    expect(new Set(secrets.map(({ length }) => length))).toEqual(new Set([32]));
    expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(2000);
    for (let bit = 0; bit < 256; bit++) {
      const ones = secrets.filter((secret) => ((secret[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
      expect([bit, ones > 700 && ones < 1300]).toEqual([bit, true]);
    }
  });

  it('V7.2.4 kills the token from before a sign-in and before a re-authentication (session fixation)', async () => {
    const app = await start();
    const victim = app.openBrowser();
    await victim.post('/start', { cart: ['book'] });
    const attacker = victim.clone();
    await victim.post('/sign-in', { userId: 'ada', amr: ['pwd'] });
    const before = victim.clone();
    await victim.post('/reauthenticate');
    for (const old of [attacker, before]) {
      expect((await old.clone().get('/cart')).status).toBe(401);
      expect((await old.clone().get('/me')).status).toBe(401);
    }
    expect((await victim.get('/me')).status).toBe(200);
  });

  it('V7.3.1 ends a session that was idle for too long, polling notwithstanding', async () => {
    const clock = new FakeClock();
    const app = await start({ store: memoryStore({ now: clock.now }), idleTimeout: '30m' });
    const { browser } = await signIn(app);
    clock.advance(30 * MINUTE_MS - 1000);
    expect((await browser.get('/poll')).status).toBe(200);
    clock.advance(1000);
    expect((await browser.get('/poll')).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('V7.3.2 ends a busy session at its absolute timeout, which no rotation moves', async () => {
    const clock = new FakeClock();
    const app = await start({
      store: memoryStore({ now: clock.now }),
      touchInterval: '1ms',
      idleTimeout: '30m',
      absoluteTimeout: '1h',
    });
    const { browser } = await signIn(app);
    for (let minutes = 10; minutes < 60; minutes += 10) {
      clock.advance(10 * MINUTE_MS);
      expect([minutes, (await browser.get('/me')).status]).toEqual([minutes, 200]);
      expect((await browser.post('/rotate')).status).toBe(201);
    }
    clock.advance(10 * MINUTE_MS);
    expect((await browser.get('/me')).status).toBe(401);
  });

  it('V7.4.1 lets no copy of a signed-out cookie in, on any instance, nor a write that was under way bring it back', async () => {
    const shared = shareMemory();
    const [here, there] = [await start({ store: shared.define() }), await start({ store: shared.define() })];
    const { browser } = await signIn(here);
    const cookies = [`__Host-session=${browser.token}`];
    // Both instances know the session before it ends.
    const statuses = () =>
      Promise.all([here, there].map(async ({ client }) => (await client.send({ path: '/me', cookies })).status));
    expect(await statuses()).toEqual([200, 200]);
    const gate = new Gate();
    there.store.before = (method) => (method === 'update' ? gate.pass() : undefined);
    const late = there.client.send({ method: 'POST', path: '/note', cookies, body: { note: 'late' } });
    await gate.reached;
    expect((await browser.post('/sign-out')).json()).toEqual({ ended: true, left: false });
    gate.open();
    await late;
    expect(await statuses()).toEqual([401, 401]);
    expect(await here.sessions.listByUser('ada')).toEqual([]);
  });

  it.each(['before', 'after'])(
    'V7.4.2 leaves no session of an account that is disabled %s a sign-in under way is stored',
    async (moment) => {
      const app = await start();
      const { browser } = await signIn(app);
      const gate = new Gate();
      app.store.before = (method) => (method === 'create' && moment === 'before' ? gate.pass() : undefined);
      const late = app.openBrowser();
      const signingIn = late.post('/accounts/sign-in', { userId: 'ada' });
      await (moment === 'before' ? gate.reached : signingIn);
      disabled.add('ada');
      await app.sessions.revokeAll('ada');
      gate.open();
      const answer = await signingIn;
      const refusal = { statusCode: 403, error: 'sign_in_refused' };
      expect(answer.json()).toMatchObject(moment === 'before' ? refusal : { userId: 'ada' });
      const set = answer.setCookies.map((line) => line.split(';')[0] ?? '');
      for (const cookie of [...set, `__Host-session=${browser.token}`]) {
        expect((await app.client.send({ path: '/me', cookies: [cookie] })).status).toBe(401);
      }
      expect(await app.sessions.listByUser('ada')).toEqual([]);
    },
  );

  it('V7.1.3 ends what rests on a session at the identity provider when that one ends', async () => {
    const app = await start();
    const identityProvider = { issuer: 'https://idp.example', sessionId: 'sid-7', authenticatedAt: new Date() };
    const elsewhere = { ...identityProvider, issuer: 'https://other.example' };
    const tokenOf = async (userId: string, provider: typeof identityProvider) => {
      const { token } = await app.sessions.create({ userId, amr: ['pwd'], identityProvider: provider });
      return token;
    };
    const over = [await tokenOf('ada', identityProvider), await tokenOf('grace', identityProvider)];
    const kept = await tokenOf('ada', elsewhere);
    await app.sessions.revokeByIdentityProvider({ issuer: 'https://idp.example', sessionId: 'sid-7' });
    const statusOf = async (token: string) =>
      (await app.client.send({ path: '/me', cookies: [`__Host-session=${token}`] })).status;
    expect(await Promise.all(over.map(statusOf))).toEqual([401, 401]);
    expect(await statusOf(kept)).toBe(200);
  });

  it('V7.4.5 ends the sessions of everybody in one store call, and lets people sign in again', async () => {
    const app = await start();
    const before = await Promise.all(['ada', 'grace', 'joan'].map((userId) => signIn(app, userId)));
    app.store.calls.length = 0;
    await app.sessions.revokeEverything({ endedBy: 'incident 7' });
    expect(app.store.calls).toEqual(['revokeEverything']);
    for (const { browser } of before) expect((await browser.clone().get('/me')).status).toBe(401);
    const { browser } = await signIn(app, 'ada');
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('V7.4.3 ends all other sessions when the password was changed, and replaces the own token', async () => {
    const app = await start();
    const [{ browser: here }, { browser: there }] = [await signIn(app), await signIn(app)];
    const copy = here.clone();
    expect((await here.post('/accounts/password')).json()).toEqual({ ended: 1 });
    const statuses = await Promise.all([here, there, copy].map(async (one) => (await one.get('/me')).status));
    expect(statuses).toEqual([200, 401, 401]);
  });

  it('V7.5.1 asks for the password before a sensitive change when it was given long ago', async () => {
    const clock = new FakeClock();
    const app = await start({ store: memoryStore({ now: clock.now }) });
    const { browser } = await signIn(app);
    clock.advance(10 * MINUTE_MS + 1000);
    const refused = await browser.post('/email');
    expect([refused.status, refused.json()]).toMatchObject([401, { error: 'reauth_required' }]);
    await browser.post('/reauthenticate');
    expect((await browser.post('/email')).json()).toEqual({ changed: true });
  });

  it('V7.5.2 ends sessions by public ids, of their owner only, and names no token or hash', async () => {
    const app = await start();
    const [mine, other, foreign] = [await signIn(app), await signIn(app), await signIn(app, 'eve')];
    const list = await mine.browser.get('/devices');
    expect((list.json() as Session[]).map(({ id }) => id).toSorted()).toEqual([mine.id, other.id].toSorted());
    for (const { browser } of [mine, other]) expect(list.text).not.toContain(browser.token.slice(22));
    expect(list.text).not.toMatch(/hash|[\w-]{43}/i);
    const revoke = async (id: string) => (await mine.browser.send('DELETE', `/devices/${id}`)).json();
    expect(await revoke(foreign.id)).toEqual({ revoked: false });
    expect((await foreign.browser.get('/me')).status).toBe(200);
    expect(await revoke(other.id)).toEqual({ revoked: true });
    expect((await other.browser.get('/me')).status).toBe(401);
  });

  it('V7.6.2 creates no session by a link, nor by a form of another site', async () => {
    const app = await start();
    const { token } = await app.sessions.create({ userId: 'eve' });
    const calls = app.store.calls.length;
    for (const path of ['/sign-in?userId=ada', `/maybe?token=${token}`, `/maybe?__Host-session=${token}`]) {
      const answer = await app.client.send({ path });
      expect([path, answer.setCookies, answer.text.includes('eve')]).toEqual([path, [], false]);
    }
    const headers = { 'Sec-Fetch-Site': 'cross-site' };
    const forged = await app.client.send({ method: 'POST', path: '/sign-in', headers, body: { userId: 'eve' } });
    expect([forged.status, forged.setCookies, app.store.calls.length]).toEqual([403, [], calls]);
  });
});
