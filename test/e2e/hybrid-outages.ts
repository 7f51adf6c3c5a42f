import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
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
import { pollUntil } from 'local-servers';
import { AccountController } from './support/account.controller.js';
import { openHybridSides, type HybridSides } from './support/hybrid-sides.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import type { TestBrowser, TestResponse } from './support/test-client.js';

/** Who, from where and which devices, without a word of the session's data. */
@UseGuards(SessionGuard)
@Controller('plain')
class PlainController {
  constructor(private readonly sessions: SessionService) {}

  @Get('who')
  who(@CurrentSession() { userId, amr }: Session) {
    return { userId, amr };
  }

  @Get('devices')
  async devices(@CurrentSession() { userId }: Session) {
    const sessions = await this.sessions.listByUser(userId ?? '');
    return sessions.map(({ id, device }) => ({ id, device }));
  }

  @Get('visits')
  visits(@CurrentSession() session: Session) {
    return { visits: session.data.visits ?? 0 };
  }

  @Public()
  @Post('sign-in')
  @HttpCode(204)
  async signIn(@CurrentHttpSession() http: HttpSession): Promise<void> {
    await http.signIn({ userId: 'newcomer', amr: ['pwd'] });
  }
}

/** What browsers see while a side of the hybrid store is away. */
export function describeHybridOutages(): void {
  describe.each(ADAPTERS)('a hybrid store with a side that is away, on %s', (adapter) => {
    let sides: HybridSides;
    let app: TestApp;
    let users = 0;

    beforeAll(async () => {
      sides = await openHybridSides();
      app = await startTestApp({
        adapter,
        options: { store: sides.definition },
        controllers: [AccountController, PlainController],
      });
    });

    afterEach(async () => {
      sides.thawRedis();
      sides.reconnectPostgres();
      const probe = app.openBrowser();
      await pollUntil('the store did not recover', async () => (await probe.post('/plain/sign-in')).status === 204);
      await pollUntil('data did not come back', async () => (await probe.get('/plain/visits')).status === 200);
    });

    afterAll(async () => {
      await app?.close();
      await sides?.close();
    });

    const signIn = async (userId = `user-${(users += 1)}`) => {
      const browser = app.openBrowser();
      const response = await browser.post('/sign-in', { userId, amr: ['pwd'], device: 'laptop', data: { visits: 7 } });
      expect(response.status).toBe(201);
      return { browser, userId, session: response.json() as Session };
    };

    /** 503, when to come back, nothing about whose session it was, and the cookie as it was. */
    const expectOutage = (response: TestResponse) => {
      expect(response).toMatchObject({ status: 503, setCookies: [] });
      expect(response.headers['retry-after']).toBe('5');
      expect(response.json()).toEqual({
        statusCode: 503,
        error: 'sessions_unavailable',
        message: 'Service Unavailable',
      });
    };

    /** 503, and this browser has forgotten its token all the same. */
    const expectIncompleteSignOut = async (browser: TestBrowser) => {
      const response = await browser.post('/sign-out');
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBe('5');
      expect(response.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
      expect(browser.jar.size).toBe(0);
    };

    const logOf = (text: string) => app.log.filter((line) => line.includes(text));

    describe('Redis is frozen', () => {
      it('lets a live session pass and a revoked one not', async () => {
        const [valid, revoked] = await Promise.all([signIn(), signIn()]);
        await app.sessions.revoke(revoked.session.id);
        sides.freezeRedis();
        for (let round = 0; round < 5; round += 1) {
          const passed = await valid.browser.get('/plain/who');
          expect(passed).toMatchObject({ status: 200, setCookies: [] });
          expect(passed.json()).toEqual({ userId: valid.userId, amr: ['pwd'] });
          expect((await revoked.browser.get('/plain/who')).status).toBe(401);
          expect((await app.openBrowser().get('/plain/who')).status).toBe(401);
        }
      });

      it('is 503 wherever the session’s data is touched, and never empty data; the cookie stays', async () => {
        const { browser, userId } = await signIn();
        const { token } = browser;
        sides.freezeRedis();
        for (const path of ['/plain/visits', '/me', '/devices']) expectOutage(await browser.get(path));
        expectOutage(await browser.post('/note', { note: 'lost?' }));
        expect(browser.token).toBe(token);
        sides.thawRedis();
        await pollUntil('Redis is not asked again', async () => (await browser.get('/me')).status === 200);
        expect((await browser.get('/me')).json()).toMatchObject({ userId, data: { visits: 7 } });
      });

      it('shows the active sessions and signs in with no data', async () => {
        const { browser, session, userId } = await signIn();
        const second = await signIn(userId);
        sides.freezeRedis();
        const devices = (await browser.get('/plain/devices')).json() as { id: string }[];
        expect(new Set(devices.map(({ id }) => id))).toEqual(new Set([session.id, second.session.id]));
        const newcomer = app.openBrowser();
        expect((await newcomer.post('/plain/sign-in')).status).toBe(204);
        expect((await newcomer.get('/plain/who')).json()).toMatchObject({ userId: 'newcomer' });
      });

      it('signs in with data only when it can be kept, and leaves no session otherwise', async () => {
        sides.freezeRedis();
        const browser = app.openBrowser();
        expectOutage(await browser.post('/sign-in', { userId: 'with-data', data: { visits: 1 } }));
        expect(await app.sessions.listByUser('with-data')).toEqual([]);
      });

      it('clears the cookie at sign-out, answers 503, and ends the session; its token stays dead', async () => {
        const { browser } = await signIn();
        const thief = browser.clone();
        sides.freezeRedis();
        await expectIncompleteSignOut(browser);
        expect((await thief.get('/plain/who')).status).toBe(401);
        sides.thawRedis();
        // Whether Redis is back before a sweep has dropped the copy or not.
        for (let times = 0; times < 20; times++) expect((await thief.get('/me')).status).toBe(401);
      });

      it('refuses to change a token, and the one that the browser has keeps working', async () => {
        const { browser } = await signIn();
        const { token } = browser;
        sides.freezeRedis();
        expectOutage(await browser.post('/rotate'));
        expect(browser.token).toBe(token);
        expect((await browser.get('/plain/who')).status).toBe(200);
      });
    });

    describe('Postgres is cut off', () => {
      it('lets sessions pass that Redis answers for, with their data', async () => {
        const { browser, userId } = await signIn();
        sides.cutOffPostgres();
        expect((await browser.get('/me')).json()).toMatchObject({ userId, data: { visits: 7 } });
        expectOutage(await browser.get('/devices'));
      });

      it('signs nobody in and sets no cookie', async () => {
        sides.cutOffPostgres();
        expectOutage(await app.openBrowser().post('/plain/sign-in'));
      });

      it('clears the cookie at sign-out, answers 503, and no request with the token passes', async () => {
        const { browser, session, userId } = await signIn();
        const thief = browser.clone();
        sides.cutOffPostgres();
        await expectIncompleteSignOut(browser);
        expect((await thief.get('/plain/who')).status).toBe(503);
        sides.reconnectPostgres();
        await pollUntil('the revocation is pending', async () => (await thief.get('/plain/who')).status === 401);
        expect((await app.sessions.listByUser(userId)).map(({ id }) => id)).not.toContain(session.id);
      });
    });

    describe('both are away', () => {
      it('is 503 with Retry-After, keeps the cookie, and works afterwards (better-auth/better-auth#4203)', async () => {
        const { browser, userId } = await signIn();
        const { token } = browser;
        sides.freezeRedis();
        sides.cutOffPostgres();
        const reads = ['/plain/who', '/plain/visits', '/plain/devices', '/me', '/maybe'];
        for (const path of reads) expectOutage(await browser.get(path));
        expectOutage(await browser.post('/rotate'));
        expectOutage(await app.openBrowser().post('/plain/sign-in'));
        expect(browser.token).toBe(token);
        expect((await browser.get('/open')).status).toBe(200);
        sides.thawRedis();
        sides.reconnectPostgres();
        await pollUntil('it does not recover', async () => (await browser.get('/me')).status === 200);
        expect((await browser.get('/me')).json()).toMatchObject({ userId, data: { visits: 7 } });
      });
    });

    it('said so in the log, without a token', () => {
      expect(logOf('requests are answered with 503').length).toBeGreaterThan(0);
      expect(app.log.filter((line) => /[A-Za-z0-9_-]{64}/.test(line))).toEqual([]);
    });
  });
}
