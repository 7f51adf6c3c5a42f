import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, Res, UseGuards } from '@nestjs/common';
import {
  CurrentHttpSession,
  CurrentSession,
  memoryStore,
  Public,
  SessionGuard,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import type { DetectedReuse } from '#src/core/events/session-events.js';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from './support/account.controller.js';
import { openHybrid, openPostgres, openRedis, type E2eStore } from './support/e2e-stores.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import type { TestBrowser, TestResponse } from './support/test-client.js';
import { waitUntil } from '../support/poll.js';
import { MINUTE_MS, SECOND_MS } from '#src/testing/world/durations.js';

const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));
const cookieOf = ({ setCookies }: TestResponse) => setCookies.map((line) => /^__Host-session=([^;]*)/.exec(line)?.[1]);

interface NodeAnswer {
  end(text: string): void;
}

@Controller('late')
class LateController {
  /** Answers before anybody has asked for the session, as a stream does. */
  @Public()
  @Get('answered')
  async answered(@CurrentHttpSession() http: HttpSession, @Res() reply: NodeAnswer & { raw?: NodeAnswer }) {
    (reply.raw ?? reply).end('done');
    await http.current();
  }

  @UseGuards(SessionGuard)
  @Post('upgrade')
  async upgrade(@CurrentSession() { id }: Session, @CurrentHttpSession() http: HttpSession) {
    return { id, same: (await http.reauthenticate({ amr: ['otp'] }))?.id === id };
  }
}

async function signIn(app: TestApp, userId: string): Promise<TestBrowser> {
  const browser = app.openBrowser();
  expect((await browser.post('/sign-in', { userId })).status).toBe(201);
  return browser;
}

describe.each(ADAPTERS)('periodic rotation over HTTP on %s (I7, RFC 9700 4.14.2)', (adapter) => {
  const clock = new FakeClock();
  const reuses: DetectedReuse[] = [];
  let app: TestApp;

  beforeAll(async () => {
    const options = { store: memoryStore({ now: clock.now }), rotation: { every: '5m', grace: '30s' } } as const;
    app = await startTestApp({ adapter, options, controllers: [AccountController, LateController] });
    app.sessions.events.on('reuse-detected', (event) => void reuses.push(event));
  });
  afterAll(() => app?.close());

  /** A browser whose token is due, and a copy of it. */
  const becomeDue = async (userId: string) => {
    const browser = await signIn(app, userId);
    clock.advance(5 * MINUTE_MS);
    return { browser, late: browser.clone() };
  };

  it('sets no cookie before the token is due, and then one that is not to be cached', async () => {
    const browser = await signIn(app, 'ada');
    const first = browser.token;
    clock.advance(5 * MINUTE_MS - 1);
    expect((await browser.get('/me')).setCookies).toEqual([]);
    clock.advance(1);
    const response = await browser.get('/me');
    expect(response.setCookies).toEqual([
      expect.stringMatching(/^__Host-session=[\w-]{64}; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', vary: expect.stringContaining('Cookie') });
    expect(browser.token).not.toBe(first);
    expect((await browser.get('/me')).setCookies).toEqual([]);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('answers late tabs for the grace, then ends the session for both holders of the token', async () => {
    const { browser, late } = await becomeDue('late');
    const first = late.token;
    await browser.get('/me');
    expect((await browser.get('/me')).status).toBe(200);
    clock.advance(30 * SECOND_MS - 1);
    expect(cookieOf(await late.get('/me'))).toEqual([browser.token]);
    late.jar.set('__Host-session', first);
    clock.advance(1);
    expect((await late.get('/me')).status).toBe(401);
    expect((await browser.get('/me')).status).toBe(401);
    expect(reuses.map(({ userId, isRevoked }) => ({ userId, isRevoked }))).toEqual([
      { userId: 'late', isRevoked: true },
    ]);
  });

  it('loses nobody whose answer was lost', async () => {
    const { browser, late } = await becomeDue('lost');
    const lost = cookieOf(await late.get('/me'));
    clock.advance(20 * MINUTE_MS);
    expect(cookieOf(await browser.get('/me'))).toEqual(lost);
    expect((await browser.get('/me')).setCookies).toEqual([]);
  });

  it('makes no token for an answer that has left', async () => {
    const { browser } = await becomeDue('streamed');
    const [finds, rotations] = [app.store.count('find'), app.store.count('rotate')];
    const response = await browser.get('/late/answered');
    expect(response.text).toBe('done');
    await waitUntil('the handler has asked for the session', async () => app.store.count('find') > finds);
    await browser.get('/open');
    expect(app.store.count('rotate')).toBe(rotations);
  });

  it('gives a step-up one cookie, and the tokens before it no grace (ASVS 7.2.4)', async () => {
    const { browser, late } = await becomeDue('step-up');
    const offered = late.clone();
    await offered.get('/me');
    const response = await browser.post('/late/upgrade');
    expect(response.json()).toMatchObject({ same: true });
    expect(cookieOf(response)).toEqual([browser.token]);
    expect([(await late.get('/me')).status, (await offered.get('/me')).status]).toEqual([401, 401]);
    expect((await browser.get('/me')).status).toBe(200);
  });

  it('clears the cookie of who signs out when the token is due', async () => {
    const { browser, late } = await becomeDue('leaver');
    const response = await browser.post('/sign-out');
    expect(cookieOf(response)).toEqual(['']);
    expect(browser.jar.size).toBe(0);
    expect((await late.get('/me')).status).toBe(401);
  });

  it('says nothing secret in any log line', () => {
    expect(app.log.filter((line) => /[\w-]{64}/.test(line))).toEqual([]);
  });
});

const STORES: readonly (readonly [string, () => Promise<E2eStore>])[] = [
  ['redis', openRedis],
  ['postgres', openPostgres],
  ['hybrid', openHybrid],
];

describe.each(STORES)('periodic rotation between two instances on %s', (_name, openStore) => {
  let backend: E2eStore;
  let express: TestApp;
  let fastify: TestApp;

  beforeAll(async () => {
    backend = await openStore();
    const store = backend.definition;
    express = await startTestApp({
      adapter: 'express',
      options: { store, rotation: { every: '1001ms', grace: '1s' } },
    });
    // This one renews nothing while the test runs, so that the token that it promotes is the last one.
    fastify = await startTestApp({ adapter: 'fastify', options: { store, rotation: { every: '1h', grace: '10m' } } });
  });
  afterAll(async () => {
    await Promise.all([express?.close(), fastify?.close()]);
    await backend?.close();
  });

  it('refuses none of 30 parallel requests before, and none across the change of the token', async () => {
    const browser = await signIn(express, 'ada');
    const first = browser.token;
    const send = (app: TestApp, token: string) =>
      app.client.send({ path: '/me', cookies: [`__Host-session=${token}`] });
    await waitUntil('the token is due', async () => (await send(express, first)).setCookies.length > 0);

    const before = await Promise.all(times(30, (index) => send(index % 2 ? express : fastify, first)));
    expect(before.map(({ status }) => status)).toEqual(times(30, () => 200));
    const [second, ...others] = new Set(before.flatMap(cookieOf));
    expect(others).toEqual([]);
    expect(before.every(({ setCookies }) => setCookies.length === 1)).toBe(true);

    const across = await Promise.all(times(30, (index) => send(fastify, index % 2 ? (second ?? '') : first)));
    expect(across.map(({ status }) => status)).toEqual(times(30, () => 200));
    expect(across.map(cookieOf)).toEqual(times(30, (index) => (index % 2 ? [] : [second])));
  });
});
