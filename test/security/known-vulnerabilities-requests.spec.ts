import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, Post, UseGuards } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CurrentHttpSession, memoryStore, Public, SessionGuard, type HttpSession, type Session } from 'nest-sessions';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore } from 'nest-sessions/postgres';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import type { TestBrowser, TestClient, TestResponse } from '../e2e/support/test-client.js';
import { Barrier } from '../support/barrier.js';
import { carry } from './two-instances.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const ROUNDS = 200;
const CROSS_SITE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://attacker.example' };

/** Pages that are opened by a link, and say that they may be cached. */
@UseGuards(SessionGuard)
@Controller('links')
class LinksController {
  @Public()
  @Get('callback')
  @Header('Cache-Control', 'private, max-age=600')
  async callback(@CurrentHttpSession() http: HttpSession): Promise<{ userId: string | null }> {
    const { userId } = await http.signIn({ userId: 'whoever followed it first' });
    return { userId };
  }

  @Get('page')
  @Header('Cache-Control', 'public, max-age=600')
  page(): { page: true } {
    return { page: true };
  }

  @Post('page')
  change(): { changed: true } {
    return { changed: true };
  }

  @Public()
  @Get('leave')
  @Header('Cache-Control', 'private, max-age=600')
  async leave(@CurrentHttpSession() http: HttpSession): Promise<{ left: boolean }> {
    return { left: await http.signOut() };
  }
}

/** A cache in front of the application that heeds `no-store` and nothing else: neither `private` nor `Vary`. */
class CarelessCache {
  private readonly kept = new Map<string, TestResponse>();

  constructor(private readonly client: TestClient) {}

  async get(path: string, browser: TestBrowser): Promise<TestResponse> {
    const known = this.kept.get(path);
    if (known) return known;
    const cookies = [...browser.jar].map(([name, value]) => `${name}=${value}`);
    const answer = await this.client.send({ path, cookies });
    if (!/no-store/.test(answer.headers['cache-control'] ?? '')) this.kept.set(path, answer);
    return answer;
  }
}

const apps: TestApp[] = [];

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

const start = async (settings: TestAppSettings) => {
  const app = await startTestApp({ controllers: [AccountController, LinksController], ...settings });
  apps.push(app);
  return app;
};

const signIn = async (app: TestApp, userId: string) => {
  const browser = app.openBrowser();
  expect((await browser.post('/sign-in', { userId })).status).toBe(201);
  return browser;
};

describe('CVE-2026-2293, CVE-2025-69211, CVE-2026-54281 (NestJS): a router on Fastify that takes many spellings for one', () => {
  const routerOptions = {
    caseSensitive: false,
    ignoreTrailingSlash: true,
    ignoreDuplicateSlashes: true,
    useSemicolonDelimiter: true,
  };

  it.each([
    '/links/page',
    '/%6Cinks/p%61ge',
    '//links//page',
    '/links/page/',
    '/links/page;x',
    '/LINKS/Page',
    '/links/page?x',
  ])('has a guard before each of them: %s', async (path) => {
    const app = await start({ adapter: new FastifyAdapter({ routerOptions }) });
    const { token } = await signIn(app, 'ada');
    expect((await carry(app, { token, path })).json()).toEqual({ page: true });
    expect((await carry(app, { token, method: 'POST', path })).json()).toEqual({ changed: true });
    expect((await app.client.send({ path })).status).toBe(401);
    const forged = await app.client.send({
      method: 'POST',
      path,
      headers: CROSS_SITE,
      cookies: [`__Host-session=${token}`],
    });
    expect([forged.status, forged.json()]).toMatchObject([403, { error: 'csrf_rejected' }]);
  });
});

describe.each(ADAPTERS)('mistakes of other libraries with requests, tried on %s', (adapter) => {
  it.each(['\r\nSet-Cookie: a=1', '\n', ';', '; Domain=evil.test', ' '])(
    'CVE-2024-47764 (cookie), GHSA-26pp-8wgv-hjvm, CVE-2026-56762, CVE-2026-47675 (Hono): %j in a cookie’s options fails the boot',
    async (poison) => {
      const cookies = [{ name: `id${poison}` }, { name: `__Host-${poison}id` }, { domain: `a.test${poison}` }];
      for (const cookie of cookies) {
        const option = 'name' in cookie ? 'cookie.name' : 'cookie.domain';
        await expect(start({ adapter, options: { cookie } })).rejects.toMatchObject({ option });
      }
    },
  );

  it.each(['a"; drop schema public cascade; --', 'a; drop', "a' or ''='", 'a.b', 'a b', 'a\0'])(
    'CVE-2019-15658 (connect-pg-simple): %j as the name of a schema or table fails the boot',
    async (name) => {
      const url = 'postgres://localhost:1/none';
      for (const names of [{ schema: name }, { table: name }, { auditTable: name }]) {
        const making = [
          async () => postgresStore({ url, ...names }),
          async () => hybridStore({ redis: { url: 'redis://localhost:1' }, postgres: { url, ...names } }),
        ];
        for (const make of making) {
          const boot = async () => start({ adapter, options: { store: await make() } });
          await expect(boot()).rejects.toMatchObject({ code: 'SESSION_CONFIGURATION' });
        }
      }
    },
  );

  it('CVE-2026-44457, CVE-2026-24472 (Hono): a cache that heeds no-store only hands nobody’s cookie to anybody else', async () => {
    const clock = new FakeClock();
    const options = { store: memoryStore({ now: clock.now }), rotation: { every: '5m', grace: '30s' } } as const;
    const app = await start({ adapter, options });
    const cache = new CarelessCache(app.client);
    const [ada, bob] = [app.openBrowser(), app.openBrowser()];
    const first = await cache.get('/links/callback', ada);
    const second = await cache.get('/links/callback', bob);
    expect([first, second].map(({ setCookies }) => setCookies.length)).toEqual([1, 1]);
    expect(second.setCookies).not.toEqual(first.setCookies);

    const [grace, eve] = [await signIn(app, 'grace'), await signIn(app, 'eve')];
    clock.advance(5 * MINUTE_MS);
    // Both are due for another token, which the same page brings them.
    const pages = [await cache.get('/me', grace), await cache.get('/me', eve)];
    expect(pages.map(({ setCookies }) => setCookies.length)).toEqual([1, 1]);
    expect(pages.map((page) => (page.json() as Session).userId)).toEqual(['grace', 'eve']);

    for (const visitor of [eve, grace]) {
      expect((await cache.get('/links/leave', visitor)).json()).toEqual({ left: true });
    }
  });

  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1::', '2001:db8:0:0:1::'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:0207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:c000:207', '192.0.2.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['127.1', null],
    ['0x7f.0.0.1', null],
    ['0177.0.0.1', null],
    ['2001:db8::1::', null],
    ['203.0.113.7<script>', null],
  ])('CVE-2026-47674 (Hono): %s, from a proxy that is trusted, is the address %s', async (seen, stored) => {
    const app = await start({ adapter, trustProxy: true });
    const send = () =>
      app.client.send({
        method: 'POST',
        path: '/sign-in',
        headers: { 'X-Forwarded-For': seen },
        body: { userId: 'ada' },
      });
    expect((await send()).json()).toMatchObject({ ipAddress: stored });
  });

  it('CVE-2026-47674 (Hono): no header names the client where no proxy is trusted', async () => {
    const app = await start({ adapter });
    const names = ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'X-Client-IP', 'CF-Connecting-IP', 'True-Client-IP'];
    const headers = names.map((name) => [name, name === 'Forwarded' ? 'for=203.0.113.7' : '203.0.113.7']);
    const sent = await app.client.send({ method: 'POST', path: '/sign-in', headers, body: { userId: 'ada' } });
    expect(sent.json()).toMatchObject({ ipAddress: '127.0.0.1' });
  });

  it('GitHub, March 2021: two users whose 200 requests each meet on shared connections never get each other’s session', async () => {
    const app = await start({ adapter, options: { touchInterval: '1ms' } });
    const users = await Promise.all(
      ['left', 'right'].map(async (userId) => ({ userId, browser: await signIn(app, userId) })),
    );
    const send = (kind: number, browser: TestBrowser, note: string) => {
      if (kind === 0) return browser.get('/me');
      if (kind === 1) return browser.post('/note', { note });
      return kind === 2 ? browser.post('/rotate') : browser.get('/maybe');
    };
    for (let round = 0; round < ROUNDS; round++) {
      const barrier = new Barrier(users.length);
      app.store.before = (method) => (method === 'find' ? barrier.arrive() : undefined);
      const answers = await Promise.all(
        users.map(({ browser, userId }, index) => {
          // At times both do the same, at times different things.
          const kind = round % 8 < 4 ? round : round + index;
          return send(kind % 4, browser, `${userId} ${round}`);
        }),
      );
      for (const [index, { userId }] of users.entries()) {
        const other = users[1 - index]?.userId ?? '';
        expect([round, answers[index]?.text]).toEqual([round, expect.stringContaining(userId)]);
        expect([round, answers[index]?.text]).toEqual([round, expect.not.stringContaining(other)]);
      }
    }
    expect(users[0]?.browser.token).not.toBe(users[1]?.browser.token);
  });
});
