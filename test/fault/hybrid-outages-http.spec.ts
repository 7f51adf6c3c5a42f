import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import {
  CurrentHttpSession,
  CurrentSession,
  Public,
  SessionGuard,
  SessionService,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { startTestApp, type TestApp } from '../e2e/support/test-app.js';
import type { TestBrowser, TestResponse } from '../e2e/support/test-client.js';
import { AccountController } from '../e2e/support/account.controller.js';
import { waitUntil } from '../support/poll.js';
import { FaultWorld } from './fault-world.js';
import { outcomeOf, SITUATION_NAMES, type OperationName, type SituationName } from './hybrid-failure-table.js';
import { SITUATIONS } from './hybrid-situations.js';

@UseGuards(SessionGuard)
@Controller('fault')
class FaultController {
  constructor(private readonly sessions: SessionService) {}

  @Get('who')
  who(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @Get('visits')
  visits(@CurrentSession() { data }: Session) {
    return { visits: data.visits ?? 0 };
  }

  @Get('devices')
  async devices(@CurrentSession() { userId }: Session) {
    return (await this.sessions.listByUser(userId ?? '')).map(({ id }) => id);
  }

  @Post('rotate')
  @HttpCode(204)
  async rotate(@CurrentHttpSession() http: HttpSession): Promise<void> {
    await http.rotate();
  }

  @Public()
  @Post('sign-in')
  @HttpCode(204)
  async signIn(@CurrentHttpSession() http: HttpSession): Promise<void> {
    await http.signIn({ userId: 'newcomer', amr: ['pwd'] });
  }
}

/** The requests behind each row of the table. */
const REQUESTS: Partial<Record<OperationName, (browser: TestBrowser) => Promise<TestResponse>>> = {
  authenticate: (browser) => browser.get('/fault/who'),
  'read data': (browser) => browser.get('/fault/visits'),
  update: (browser) => browser.post('/note', { note: 'x' }),
  rotate: (browser) => browser.post('/fault/rotate'),
  list: (browser) => browser.get('/fault/devices'),
};

describe('the failure table over HTTP', () => {
  let world: FaultWorld;

  beforeAll(async () => {
    world = await FaultWorld.open();
    await world.openSweeping();
  });
  afterAll(() => world?.close());

  describe.each(SITUATION_NAMES)('%s', (name: SituationName) => {
    let app: TestApp;
    const answers = new Map<string, TestResponse>();
    const browsers = new Map<string, TestBrowser>();
    /** The user who signs out, and who signs in last. */
    let signedOut: { userId: string; ids: string[] };

    const browserOf = (what: string) => {
      const browser = browsers.get(what);
      if (!browser) throw new Error(`nobody does ${what}`);
      return browser;
    };
    const answerTo = (what: string) => {
      const answer = answers.get(what);
      if (!answer) throw new Error(`nobody answered ${what}`);
      return answer;
    };

    /** A browser for each request, because some change its session. */
    const signInEverybody = async () => {
      for (const what of [...Object.keys(REQUESTS), 'revoke']) {
        const browser = app.openBrowser();
        const userId = `${name} ${what}`;
        const response = await browser.post('/sign-in', { userId, data: { visits: 7 } });
        expect(response.status).toBe(201);
        browsers.set(what, browser);
        signedOut = { userId, ids: [(response.json() as Session).id] };
      }
      browsers.set('thief', browserOf('revoke').clone());
      browsers.set('sign in', app.openBrowser());
    };

    beforeAll(async () => {
      const { prepare, begin, end, poolSize = 10 } = SITUATIONS[name];
      const sides = await world.openSides({ poolSize, isStarted: false });
      // No breaker stays open after the outage that another request met.
      const { store } = world.instance(sides, { breakerPeriodMs: 0 });
      app = await startTestApp({
        adapter: 'express',
        options: { store: { name: 'hybrid', inject: [], create: () => store } },
        controllers: [AccountController, FaultController],
      });
      await signInEverybody();
      await prepare?.(world);
      await begin(world, sides);
      const ask = async (what: string, request: (browser: TestBrowser) => Promise<TestResponse>) =>
        void answers.set(what, await request(browserOf(what)));
      for (const [what, request] of Object.entries(REQUESTS)) await ask(what, request);
      await ask('sign in', (browser) => browser.post('/fault/sign-in'));
      await ask('revoke', (browser) => browser.post('/sign-out'));
      await ask('thief', (browser) => browser.get('/fault/who'));
      await end?.(world);
      const healed = async (browser: TestBrowser) => (await browser.get('/fault/devices')).status === 200;
      await waitUntil('it heals', () => healed(browserOf('list')));
    });
    afterAll(() => app?.close());

    const expected = (operation: OperationName) => outcomeOf(name, operation);

    it.each(Object.keys(REQUESTS) as OperationName[])(
      '%s: its status, Retry-After with a 503, and the cookie stays',
      (operation) => {
        const { status, headers, setCookies } = answerTo(operation);
        const isRefused = expected(operation).status === '503';
        expect([Math.floor(status / 100) * 100, headers['retry-after']]).toEqual(
          isRefused ? [500, '5'] : [200, undefined],
        );
        expect(isRefused ? status : 503).toBe(503);
        expect(browserOf(operation).jar.has('__Host-session')).toBe(true);
        expect(setCookies.some((cookie) => cookie.includes('Max-Age=0'))).toBe(false);
      },
    );

    it('sign in sets a cookie only when there is a session', () => {
      const isRefused = expected('sign in').status === '503';
      expect(answerTo('sign in').status).toBe(isRefused ? 503 : 204);
      expect(browserOf('sign in').jar.has('__Host-session')).toBe(!isRefused);
    });

    it('sign-out clears the cookie, and says so when the session may not be over', () => {
      const { status, setCookies } = answerTo('revoke');
      expect(status).toBe(expected('revoke').status === '503' ? 503 : 200);
      expect(setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
      expect(browserOf('revoke').jar.size).toBe(0);
    });

    it('a copy of the cookie is not let in after sign-out, while it lasts', () => {
      expect([401, 503]).toContain(answerTo('thief').status);
    });

    it('a copy of the cookie ends for good when anything of the sign-out was done, and works on when nothing was', async () => {
      const isDone = expected('revoke').result !== 'refused';
      // Until then a process that reaches both sides may still accept the session: the 503 said so.
      await waitUntil('nothing is pending', async () => (await world.pendingOf(signedOut)).length === 0);
      await waitUntil('both sides are asked', async () => (await browserOf('thief').get('/fault/who')).status !== 503);
      expect((await browserOf('thief').get('/fault/who')).status).toBe(isDone ? 401 : 200);
    });
  });
});
