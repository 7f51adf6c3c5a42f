import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Delete, Param, Post, UseGuards } from '@nestjs/common';
import {
  AllowAnonymous,
  CurrentHttpSession,
  SessionGuard,
  type AuthenticationInput,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { aNewSession } from 'nest-sessions/testing';
import { randomBytes } from 'node:crypto';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import type { TestBrowser } from '../e2e/support/test-client.js';
import { carry, forgeToken, sha256 } from './two-instances.js';

/** An application that lets visitors without an account see to their sessions too. */
@UseGuards(SessionGuard)
@Controller('visitors')
class VisitorsController {
  @AllowAnonymous()
  @Delete('sessions/:id')
  async revoke(@Param('id') id: string, @CurrentHttpSession() http: HttpSession) {
    return { revoked: await http.revoke(id) };
  }

  @AllowAnonymous()
  @Delete('sessions')
  async revokeOthers(@CurrentHttpSession() http: HttpSession) {
    return { revoked: await http.revokeOthers() };
  }
}

/** An application that hands what the client sent on, whatever it is. */
@UseGuards(SessionGuard)
@Controller('password')
class PasswordController {
  @Post()
  async change(@Body() input: AuthenticationInput, @CurrentHttpSession() http: HttpSession) {
    return { ended: (await http.credentialsChanged(input)).ended };
  }
}

/** Cookies that hold nothing, as browsers, proxies and scripts come to send them. */
const BLANKS = ['', ' ', '\t', ' \t ', '""', "''", 'undefined', 'null', 'NaN', 'false', '0', '[object Object]', '%00'];

describe.each(ADAPTERS)('mistakes of other libraries with tokens, tried on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  const start = async (options: TestAppSettings['options'] = {}) => {
    const controllers = [AccountController, VisitorsController, PasswordController];
    const app = await startTestApp({ adapter, options, controllers });
    apps.push(app);
    return app;
  };

  const signIn = async (app: TestApp, userId: string) => {
    const browser = app.openBrowser();
    const { id } = (await browser.post('/sign-in', { userId, amr: ['pwd'] })).json() as Session;
    return { browser, id };
  };

  const statusOf = async (browser: TestBrowser, path = '/me') => (await browser.clone().get(path)).status;

  it('CVE-2022-25896 (passport), CVE-2023-29019 (@fastify/passport): a sign-out is answered when the session is over', async () => {
    const app = await start();
    const { browser } = await signIn(app, 'ada');
    const order: string[] = [];
    app.store.before = async (method) => {
      if (method !== 'revoke') return;
      // Long enough for an answer that does not wait to come first.
      for (let times = 0; times < 5; times++) await app.client.send({ path: '/open' });
      order.push('revoked');
    };
    await browser.clone().post('/sign-out');
    order.push('answered');
    expect(order).toEqual(['revoked', 'answered']);
    expect(await statusOf(browser)).toBe(401);
  });

  it('CVE-2026-39324 (rack-session): what does not prove itself is read by nothing else', async () => {
    const app = await start({ tokenKeys: ['a key of at least thirty-two bytes'] });
    const { browser, id } = await signIn(app, 'ada');
    const { token } = browser;
    const bytes = Buffer.from(token, 'base64url');
    const claims = JSON.stringify({ userId: 'ada', id, session: { userId: 'ada' } });
    const unsigned = Buffer.from(claims).toString('base64url');
    const strangers = [
      claims,
      encodeURIComponent(claims),
      Buffer.from(claims).toString('base64'),
      unsigned.slice(0, 64),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${unsigned}.`,
      `s:${id}.${'A'.repeat(43)}`,
      `s%3A${token}`,
      id,
      bytes.toString('hex'),
      `${token}=`,
      `${token}==--${'0'.repeat(40)}`,
      forgeToken(id, randomBytes(32)),
      forgeToken(id, Buffer.concat([bytes.subarray(16, 40), Buffer.alloc(8)])),
    ];
    app.store.calls.length = 0;
    for (const stranger of strangers) {
      const answer = await carry(app, { token: stranger, path: '/me' });
      expect([stranger, answer.status]).toEqual([stranger, 401]);
    }
    expect(app.store.calls).toEqual([]);
  });

  it('CVE-2026-39324 (rack-session): a record that was written without the key is believed in by no weaker hash', async () => {
    const app = await start({ tokenKeys: ['a key of at least thirty-two bytes'] });
    const secret = randomBytes(32);
    const planted = aNewSession({ userId: 'ada', tokenHash: sha256(secret) });
    await app.store.store.create(planted);
    expect((await carry(app, { token: forgeToken(planted.id, secret), path: '/me' })).status).toBe(401);

    const { browser, id } = await signIn(app, 'mallory');
    const found = await app.store.store.find(id);
    const own = Buffer.from(browser.token, 'base64url').subarray(16);
    const expectedTokenHash = found.live ? found.record.tokenHash : own;
    for (const tokenHash of [sha256(own), new Uint8Array(own)]) {
      await app.store.store.rotate({ id, expectedTokenHash, tokenHash, cause: 'rotation' });
      expect(await statusOf(browser)).toBe(401);
    }
  });

  it('CVE-2015-3982 (Django): an empty cookie is the session of nobody, however sessions ended before', async () => {
    const app = await start();
    for (const path of ['/sign-out', '/rotate', '/reauthenticate', '/password']) {
      const { browser } = await signIn(app, `ada of ${path}`);
      await browser.post(path);
    }
    await app.sessions.revokeEverything();
    const victim = await signIn(app, 'victim');
    app.store.calls.length = 0;
    for (const blank of BLANKS) {
      const ask = async (path: string) => (await carry(app, { token: blank, path })).status;
      expect([blank, await ask('/me'), await ask('/cart'), await ask('/maybe')]).toEqual([blank, 401, 401, 200]);
      expect((await carry(app, { token: blank, path: '/maybe' })).json()).toEqual({});
    }
    expect(app.store.calls).toEqual([]);

    const started = await Promise.all(
      BLANKS.map(async (token) => {
        const answer = await carry(app, { token, method: 'POST', path: '/start', body: { cart: [token] } });
        return answer.setCookies.join().split(';')[0];
      }),
    );
    expect(new Set(started).size).toBe(BLANKS.length);
    for (const cookie of started) expect(cookie).toMatch(/^__Host-session=[\w-]{64}$/);
    expect((await app.client.send({ path: '/cart', cookies: ['__Host-session='] })).status).toBe(401);
    expect(await statusOf(victim.browser)).toBe(200);
  });

  it('multi-session sign-out (better-auth): a cookie made up around somebody’s public id ends nothing', async () => {
    const app = await start();
    const { browser: victim, id } = await signIn(app, 'victim');
    const { browser: mallory } = await signIn(app, 'mallory');
    const forged = forgeToken(id, randomBytes(32));
    const signOut = (...tokens: string[]) => {
      const cookies = tokens.map((token) => `__Host-session=${token}`);
      return app.client.send({ method: 'POST', path: '/sign-out', cookies });
    };
    for (const token of [forged, id, `"${forged}"`]) {
      expect((await signOut(token)).json()).toEqual({ ended: false, left: false });
    }
    for (const given of [id, forged, victim.token]) {
      expect((await mallory.send('DELETE', `/devices/${given}`)).json()).toEqual({ revoked: false });
    }
    expect(await statusOf(victim)).toBe(200);
    // Beside a real one, which it is of two that contradict each other.
    expect((await signOut(mallory.token, forged)).json()).toEqual({ ended: true, left: false });
    expect([await statusOf(victim), await statusOf(mallory)]).toEqual([200, 401]);
  });

  it('GHSA-cq3f-vc6p-68fh (better-auth): visitors without an account end their own session only', async () => {
    const app = await start();
    const visitors = [app.openBrowser(), app.openBrowser()] as const;
    const ids: string[] = [];
    for (const visitor of visitors) ids.push(((await visitor.post('/start', { cart: ['tea'] })).json() as Session).id);
    const [mine = '', theirs = ''] = ids;
    const { browser: ada, id } = await signIn(app, 'ada');
    const [me, other] = visitors;
    for (const foreign of [theirs, id]) {
      expect((await me.send('DELETE', `/visitors/sessions/${foreign}`)).json()).toEqual({ revoked: false });
    }
    expect((await me.send('DELETE', '/visitors/sessions')).json()).toEqual({ revoked: 0 });
    for (const foreign of ids) {
      expect((await ada.send('DELETE', `/visitors/sessions/${foreign}`)).json()).toEqual({ revoked: false });
    }
    expect([await statusOf(other, '/cart'), await statusOf(me, '/cart'), await statusOf(ada)]).toEqual([200, 200, 200]);
    expect((await me.send('DELETE', `/visitors/sessions/${mine}`)).json()).toEqual({ revoked: true });
    expect(me.jar.size).toBe(0);
    // A caller who has lost sight of the owner is refused, and not taken for one who may end anybody's.
    await expect(app.sessions.revoke(theirs, { userId: undefined })).rejects.toThrow('userId must be');
    expect(await statusOf(other, '/cart')).toBe(200);
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['methods', { amr: ['pwd', 'otp'] }],
    ['no methods', { amr: [] }],
    ['a level', { assuranceLevel: 'aal1' }],
  ])(
    'CVE-2026-22706 (Strapi): a change of password ends all other sessions when the client sends %s',
    async (_, body) => {
      const app = await start();
      const [here, there, phone] = [await signIn(app, 'ada'), await signIn(app, 'ada'), await signIn(app, 'ada')];
      const copy = here.browser.clone();
      const answer = await here.browser.post('/password', body);
      expect(answer.json()).toEqual({ ended: 2 });
      expect(await Promise.all([copy, there.browser, phone.browser].map((one) => statusOf(one)))).toEqual([
        401, 401, 401,
      ]);
      expect(await statusOf(here.browser)).toBe(200);
    },
  );

  it.each<[string, unknown]>([
    ['a device that is not its own', { deviceId: 'another', device: 'another' }],
    ['settings that do not exist', { endOthers: false, revokeOthers: false, exceptId: 'x', userId: 'mallory' }],
  ])('CVE-2026-22706 (Strapi): refuses a change of password when the client sends %s', async (_, body) => {
    const app = await start();
    const [here, there] = [await signIn(app, 'ada'), await signIn(app, 'ada')];
    expect((await here.browser.post('/password', body)).status).toBe(500);
    expect(await statusOf(here.browser)).toBe(200);
    expect(await statusOf(there.browser)).toBe(200);
    expect((await here.browser.post('/password', {})).json()).toEqual({ ended: 1 });
  });

  it('CVE-2026-22706 (Strapi): a change of credentials without HTTP needs nothing but the token', async () => {
    const app = await start();
    for (const [index, change] of [undefined, {}, { endedBy: 'ada' }, { authentication: undefined }].entries()) {
      const userId = `ada-${index}`;
      const { browser } = await signIn(app, userId);
      const { token } = await app.sessions.create({ userId });
      expect((await app.sessions.credentialsChanged(token, change)).ended).toHaveLength(1);
      expect(await statusOf(browser)).toBe(401);
    }
  });
});
