import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import {
  CurrentHttpSession,
  SessionSignInRefusedError,
  SessionStoreUnavailableError,
  type HttpSession,
} from 'nest-sessions';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';
import { ADAPTERS, startTestApp } from '../../e2e/support/test-app.js';

describe.each(STORE_HARNESSES)(
  'a sign-in that is no longer allowed, on the %s store (ASVS 7.4.2)',
  (name, createHarness) => {
    let world: StoreWorld;

    beforeAll(async () => {
      const harness = await createHarness();
      world = new StoreWorld(harness, await harness.secondInstance());
    });
    afterAll(() => world.harness.close());

    it('leaves a session that began and ended, and no token', async () => {
      const { service, heard } = setUpService(world.store);
      const userId = world.newUserId();
      const refused = service.create({ userId, isStillAllowed: async () => false });
      await expect(refused).rejects.toThrow(SessionSignInRefusedError);
      expect(heard).toMatchObject([
        ['created', { userId }],
        ['ended', { userId, endReason: 'revoked', endedBy: null }],
      ]);
      expect(await world.listIds(userId, world.other)).toEqual([]);
    });

    it('ends as well when isStillAllowed fails or returns no boolean', async () => {
      const { service } = setUpService(world.store);
      const userId = world.newUserId();
      const lost = new Error('the users are out of reach');
      const fail = () => {
        throw lost;
      };
      await expect(service.create({ userId, isStillAllowed: fail })).rejects.toBe(lost);
      const nonsense = () => 'yes' as unknown as boolean;
      await expect(service.create({ userId, isStillAllowed: nonsense })).rejects.toThrow(SessionSignInRefusedError);
      expect(await world.listIds(userId)).toEqual([]);
    });

    it('hands out no token either when the session cannot be ended', async () => {
      const { service, watched } = setUpService(world.store);
      watched.before('revoke', async () => {
        throw new SessionStoreUnavailableError(name, 'it is down');
      });
      const refused = service.create({ userId: world.newUserId(), isStillAllowed: () => false });
      await expect(refused).rejects.toThrow(SessionStoreUnavailableError);
    });

    it.each(['before it is stored', 'before it is asked about', 'after it was asked about'])(
      'leaves no session of an account that is disabled %s',
      async (moment) => {
        const { service, watched } = setUpService(world.store);
        const { service: admin } = setUpService(world.other);
        const userId = world.newUserId();
        let isEnabled = true;
        const disable = async () => {
          isEnabled = false;
          await admin.revokeAll(userId);
        };
        if (moment === 'before it is stored') watched.before('create', disable);
        const isStillAllowed = async () => {
          if (moment === 'before it is asked about') await disable();
          const answer = isEnabled;
          if (moment === 'after it was asked about') await disable();
          return answer;
        };
        const outcome = await service.create({ userId, isStillAllowed }).catch((error: unknown) => error);
        expect(outcome instanceof SessionSignInRefusedError).toBe(moment !== 'after it was asked about');
        expect(await world.listIds(userId)).toEqual([]);
      },
    );
  },
);

@Controller()
class SignInController {
  @Post('sign-in')
  signIn(@Body() { userId }: { userId: string }, @CurrentHttpSession() http: HttpSession) {
    return http.signIn({ userId, isStillAllowed: () => userId !== 'disabled' });
  }

  @Post('try')
  async try(@CurrentHttpSession() http: HttpSession) {
    await http.signIn({ userId: 'disabled', isStillAllowed: () => false }).catch(() => undefined);
    return { current: (await http.current()) ?? null };
  }

  @Post('fail')
  async fail(@CurrentHttpSession() http: HttpSession) {
    await http.current();
    const isStillAllowed = () => Promise.reject(new Error('the users are out of reach'));
    await http.signIn({ userId: 'eve', isStillAllowed }).catch(() => undefined);
    return { current: (await http.current()) ?? null };
  }

  @Get('seen')
  async seen(@CurrentHttpSession() http: HttpSession) {
    return { userId: (await http.current())?.userId ?? null };
  }
}

describe.each(ADAPTERS)('a sign-in that is no longer allowed, on %s', (adapter) => {
  it('is 403, and signs out who was signed in before', async () => {
    const app = await startTestApp({ adapter, controllers: [SignInController] });
    try {
      for (const path of ['/sign-in', '/try']) {
        const browser = app.openBrowser();
        const newcomer = await browser.post(path, { userId: 'disabled' });
        expect([newcomer.status, newcomer.setCookies]).toEqual([path === '/sign-in' ? 403 : 201, []]);
        await browser.post('/sign-in', { userId: 'ada' });
        const { token } = browser;
        const refused = await browser.post(path, { userId: 'disabled' });
        expect(refused.json()).toEqual(
          path === '/sign-in' ? { statusCode: 403, error: 'sign_in_refused', message: 'Forbidden' } : { current: null },
        );
        expect(browser.jar.size).toBe(0);
        const cookies = [`__Host-session=${token}`];
        expect((await app.client.send({ path: '/seen', cookies })).json()).toEqual({ userId: null });
      }
    } finally {
      await app.close();
    }
  });

  it('signs out who was signed in before when it cannot be told, too, for that session has ended', async () => {
    const app = await startTestApp({ adapter, controllers: [SignInController] });
    try {
      const browser = app.openBrowser();
      for (const canEnd of [true, false]) {
        if (!canEnd) app.store.breakDown('revoke');
        await browser.post('/sign-in', { userId: 'ada' });
        expect((await browser.post('/fail')).json()).toEqual({ current: null });
        expect(browser.jar.size).toBe(0);
        expect(await app.sessions.listByUser('ada')).toHaveLength(0);
      }
    } finally {
      app.store.recover();
      await app.close();
    }
  });
});
