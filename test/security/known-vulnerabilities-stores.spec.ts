import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Post, UseGuards } from '@nestjs/common';
import { AllowPendingFactor, CurrentHttpSession, SessionGuard, type HttpSession } from 'nest-sessions';
import { countOccurring, writingsOf } from '../e2e/demo/secrets.js';
import { AccountController } from '../e2e/support/account.controller.js';
import { startTestApp, type TestApp } from '../e2e/support/test-app.js';
import { Barrier, Gate } from '../support/barrier.js';
import { waitUntil } from '../support/poll.js';
import { carry, EVERY_STORE, TwoInstances, type SignedIn } from './two-instances.js';

/** Bytes of a secret that are too many to turn up in a dump by chance. */
const PIECE_BYTES = 9;
const VISITS = 1000;
const WRITERS = 10;

@UseGuards(SessionGuard)
@Controller('factors')
class FactorsController {
  @Post('password')
  async change(@CurrentHttpSession() http: HttpSession): Promise<{ ended: number }> {
    return { ended: (await http.credentialsChanged()).ended };
  }

  @AllowPendingFactor()
  @Post('second-factor')
  async prove(@CurrentHttpSession() http: HttpSession): Promise<{ amr: readonly string[] | undefined }> {
    return { amr: (await http.reauthenticate({ amr: ['otp'] }))?.amr };
  }
}

interface Ending {
  readonly how: string;
  readonly end: (pair: TwoInstances, one: SignedIn, other: SignedIn) => Promise<unknown>;
}

/** How the session of `one` may end while another instance knows it well. */
const ENDINGS: readonly Ending[] = [
  { how: 'a sign-out', end: (_pair, one) => one.browser.post('/sign-out') },
  { how: 'another device', end: (_pair, one, other) => other.browser.send('DELETE', `/devices/${one.session.id}`) },
  { how: 'all others being signed out', end: (_pair, _one, other) => other.browser.send('DELETE', '/devices') },
  { how: 'a new password', end: (_pair, _one, other) => other.browser.post('/factors/password') },
  { how: 'an administrator', end: ({ here }, { session }) => here.sessions.revokeAll(session.userId ?? '') },
  { how: 'an incident', end: ({ here }) => here.sessions.revokeEverything() },
];

/** What a request may still write that loaded the session before it ended. */
const LATE_WRITES = [
  { path: '/note', method: 'update', body: { note: 'late' } },
  { path: '/rotate', method: 'rotate', body: {} },
  { path: '/reauthenticate', method: 'rotate', body: {} },
] as const;

describe.each(EVERY_STORE)('mistakes of other libraries, tried on the %s store with two instances', (_name, open) => {
  let pair: TwoInstances;

  beforeAll(async () => {
    const options = { touchInterval: '1ms', maxSessionsPerUser: 100 } as const;
    pair = await TwoInstances.start(open, { options, controllers: [AccountController, FactorsController] });
  });

  afterAll(() => pair?.close());

  /** A request at the other instance that has loaded its session and waits before it writes. */
  const holdAt = async (app: TestApp, token: string, { path, method, body }: (typeof LATE_WRITES)[number]) => {
    const gate = new Gate();
    app.store.before = (called) => (called === method ? gate.pass() : undefined);
    const answer = carry(app, { token, method: 'POST', path, body });
    await gate.reached;
    app.store.recover();
    return async () => {
      gate.open();
      return answer;
    };
  };

  it('CVE-2024-35220 (@fastify/session): neither reading nor writing a session moves the end it was created with', async () => {
    const { browser, session } = await pair.signIn('durable');
    const endsOf = async () => {
      const list = await pair.there.sessions.listByUser('durable');
      return list.map(({ absoluteExpiresAt, expiresAt }) => [absoluteExpiresAt.toISOString(), expiresAt.getTime()]);
    };
    const [[end, idleEnd] = []] = await endsOf();
    expect(end).toBe(session.absoluteExpiresAt);
    for (let times = 0; times < 3; times++) {
      expect((await carry(pair.there, { token: browser.token, path: '/poll' })).status).toBe(200);
      expect(await endsOf()).toEqual([[end, idleEnd]]);
    }
    for (let times = 0; times < 3; times++) {
      const me = (await carry(pair.there, { token: browser.token, path: '/me' })).json();
      expect(me).toMatchObject({ absoluteExpiresAt: end });
      expect((await browser.post('/note', { note: `${times}` })).json()).toMatchObject({ absoluteExpiresAt: end });
      expect((await browser.post('/rotate')).json()).toMatchObject({ session: { absoluteExpiresAt: end } });
    }
    expect((await endsOf()).map(([absolute]) => absolute)).toEqual([end]);
  });

  it.each(ENDINGS)(
    'PR #6966 (better-auth): no copy outlives the end of a session, brought about by $how, for one request elsewhere',
    async ({ how, end }) => {
      const userId = `user of ${how}`;
      const [one, other] = [await pair.signIn(userId), await pair.signIn(userId)];
      const { token } = one.browser;
      expect([await pair.statusesOf(token), await pair.statusesOf(token)].flat()).toEqual([200, 200, 200, 200]);
      await end(pair, one, other);
      expect((await carry(pair.there, { token, path: '/me' })).status).toBe(401);
      expect((await carry(pair.there, { token, path: '/maybe' })).json()).toEqual({});
      expect(await pair.statusesOf(token)).toEqual([401, 401]);
    },
  );

  it('GHSA-xg6x-h9c9-2m83 (better-auth): no instance takes a password for both factors, however often it is asked', async () => {
    const browser = pair.here.openBrowser();
    await browser.post('/sign-in', { userId: 'half', amr: ['pwd'], awaitsSecondFactor: true });
    const { token } = browser;
    for (const path of ['/me', '/cart', '/me']) expect(await pair.statusesOf(token, path)).toEqual([401, 401]);
    expect((await carry(pair.there, { token, path: '/maybe' })).json()).toEqual({});
    expect((await browser.post('/factors/second-factor')).json()).toEqual({ amr: ['pwd', 'otp'] });
    expect(await pair.statusesOf(browser.token)).toEqual([200, 200]);
    expect(await pair.statusesOf(token)).toEqual([401, 401]);
  });

  it('CVE-2023-20862 (Spring Security): whoever goes on after a sign-out is nobody, on every instance', async () => {
    const { browser } = await pair.signIn('leaving');
    const { token } = browser;
    await browser.post('/note', { note: 'mine' });
    expect(await pair.statusesOf(token)).toEqual([200, 200]);
    expect((await browser.post('/sign-out')).json()).toEqual({ ended: true, left: false });
    expect(await pair.here.sessions.listByUser('leaving')).toEqual([]);
    expect(await pair.statusesOf(token, '/cart')).toEqual([401, 401]);

    browser.jar.set('__Host-session', token);
    const started = (await browser.post('/start', { cart: ['tea'] })).json();
    expect(started).toMatchObject({ userId: null, data: { cart: ['tea'] } });
    expect(JSON.stringify(started)).not.toMatch(/leaving|mine/);
    expect(await pair.statusesOf(browser.token)).toEqual([401, 401]);
    for (const app of [pair.here, pair.there]) {
      const cart = await carry(app, { token: browser.token, path: '/cart' });
      expect(cart.json()).toEqual({ userId: null, cart: ['tea'] });
    }
  });

  it.each(LATE_WRITES)(
    'CVE-2025-46336 (rack-session), express-session #632, connect-redis #328: a slow POST $path brings no signed-out session back',
    async (write) => {
      const userId = `slow ${write.path}`;
      const { browser } = await pair.signIn(userId);
      const { token } = browser;
      const finish = await holdAt(pair.there, token, write);
      expect((await browser.post('/sign-out')).json()).toEqual({ ended: true, left: false });
      const entries = await pair.backend.countEntries();
      const late = await finish();
      const handed = late.setCookies.map((line) => /^__Host-session=([\w-]{64});/.exec(line)?.[1] ?? '');
      for (const one of [token, ...handed]) expect(await pair.statusesOf(one)).toEqual([401, 401]);
      expect(await pair.here.sessions.listByUser(userId)).toEqual([]);
      expect(await pair.backend.countEntries()).toBe(entries);
    },
  );

  it('express-session #935: a slow request from before a sign-in writes nothing into the session that follows', async () => {
    const { browser } = await pair.signIn('again');
    const old = browser.token;
    const finish = await holdAt(pair.there, old, LATE_WRITES[0]);
    await browser.post('/sign-in', { userId: 'again', data: { note: 'new' } });
    await finish();
    expect((await carry(pair.there, { token: browser.token, path: '/me' })).json()).toMatchObject({
      data: { note: 'new' },
    });
    expect(await pair.statusesOf(old)).toEqual([401, 401]);
    expect(await pair.here.sessions.listByUser('again')).toHaveLength(1);
  });

  it('express-session #935: of requests that saw the same data none overwrites what another one writes', async () => {
    const { browser } = await pair.signIn('busy');
    // Each instance lets one write out at a time: two, which know nothing of each other, meet here.
    const barrier = new Barrier(2);
    for (const { store } of [pair.here, pair.there]) {
      store.before = (method) => (method === 'update' ? barrier.arrive() : undefined);
    }
    const answers = await Promise.all(
      Array.from({ length: WRITERS }, (_, index) => {
        const app = index % 2 ? pair.here : pair.there;
        return carry(app, { token: browser.token, method: 'POST', path: '/note', body: { note: `${index}` } });
      }),
    );
    for (const { store } of [pair.here, pair.there]) store.recover();
    expect(answers.map(({ status }) => status)).toEqual(Array(WRITERS).fill(201));
    expect((await browser.get('/me')).json()).toMatchObject({ data: { visits: WRITERS } });
  });

  it('CVE-2019-16782 (rack): whoever reads the whole backend finds no piece of a token, only its hash', async () => {
    const app = await startTestApp({
      adapter: 'fastify',
      options: { store: pair.defineStore(), rotation: { every: '1001ms', grace: '1s' } },
    });
    try {
      const browser = app.openBrowser();
      const secrets: Buffer[] = [];
      const keep = () => secrets.push(Buffer.from(browser.token, 'base64url').subarray(16));
      await browser.post('/sign-in', { userId: 'reader' });
      keep();
      await browser.post('/note', { note: 'to-be-found' });
      await browser.post('/rotate');
      keep();
      const { token } = browser;
      // Until its successor was made, of which the store keeps more than a hash.
      await waitUntil('its successor was made', async () => {
        await browser.get('/me');
        return browser.token !== token;
      });
      keep();
      const dump = (await pair.backend.dump()).replaceAll(/\s+/g, ' ');
      const pieces = secrets.flatMap((secret) =>
        Array.from({ length: secret.length - PIECE_BYTES + 1 }, (_, start) =>
          secret.subarray(start, start + PIECE_BYTES),
        ),
      );
      const writings = pieces.flatMap((piece) => [...writingsOf(piece), ...listingsOf(piece)]);
      expect(dump).toContain('to-be-found');
      expect(countOccurring(writings, dump)).toBe(0);
    } finally {
      await app.close();
    }
  });

  it('CVE-2015-5143, CVE-2015-5963, CVE-2015-5964 (Django): a thousand visitors and sign-outs without a session store nothing', async () => {
    const { token: unknown } = (await pair.signIn('gone')).browser;
    await pair.here.sessions.revokeAll('gone');
    const entries = await pair.backend.countEntries();
    const visit = (index: number) => {
      const app = index % 2 ? pair.here : pair.there;
      const [method, path] = index % 3 ? ['POST', '/sign-out'] : ['GET', index % 4 ? '/maybe' : '/me'];
      const token = [undefined, '', 'x'.repeat(64), unknown][index % 4];
      return token === undefined ? app.client.send({ method, path }) : carry(app, { token, method, path });
    };
    const cookies: string[] = [];
    for (let start = 0; start < VISITS; start += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => visit(start + index)));
      expect(answers.filter(({ status }) => status !== 200 && status !== 401)).toEqual([]);
      cookies.push(...answers.flatMap(({ setCookies }) => setCookies));
    }
    expect(cookies.filter((cookie) => !cookie.startsWith('__Host-session=; Max-Age=0;'))).toEqual([]);
    expect(await pair.backend.countEntries()).toBe(entries);
  });

  it('GHSA-cq3f-vc6p-68fh (better-auth): a session without an owner is nobody’s to end', async () => {
    const { session, token } = await pair.here.sessions.create({ userId: null, data: { cart: ['tea'] } });
    const { browser } = await pair.signIn('mallory');
    expect((await browser.send('DELETE', `/devices/${session.id}`)).json()).toEqual({ revoked: false });
    for (const { sessions } of [pair.here, pair.there]) {
      expect(await sessions.revoke(session.id, { userId: 'mallory' })).toBe(false);
      expect(await sessions.revoke(session.id, { userId: 'null' })).toBe(false);
    }
    await browser.send('DELETE', '/devices');
    expect((await carry(pair.there, { token, path: '/cart' })).json()).toEqual({ userId: null, cart: ['tea'] });
  });
});

/** How a dump of an object shows bytes: two hexadecimal digits each, or decimal numbers. */
function listingsOf(bytes: Uint8Array): Buffer[] {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  return [hex.join(' '), Array.from(bytes).join(', '), Array.from(bytes).join(',')].map((text) => Buffer.from(text));
}
