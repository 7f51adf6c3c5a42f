import { describe, expect, it } from '@jest/globals';
import { ADA, DEMO_SETUPS, devicesOf, expectSignInPage, isSignedIn, stageDemo } from './demo-stage.js';
import { SAFARI_ON_IPHONE, type DemoVisitor } from './demo-visitor.js';
import { addTwoFactorUser } from './second-factor.js';

const IN_DOUBT = 'Your session was used in another browser. Please sign in again to be safe.';

describe.each(DEMO_SETUPS)(
  'a cookie that turns up in another browser, with sessions in $store, on $httpAdapter',
  (setup) => {
    const demo = stageDemo(setup);

    const steal = (cookie: string | undefined): DemoVisitor => {
      const thief = demo.world.visitor({ userAgent: SAFARI_ON_IPHONE });
      thief.cookie = cookie;
      return thief;
    };

    it('opens nothing, not even to its owner, who is told why and signs in again (ASVS 8.2.4)', async () => {
      const { laptop } = demo;
      const thief = steal(laptop.cookie);
      expectSignInPage(await thief.get('/sessions'), '/sessions');
      for (const visitor of [thief, laptop]) {
        const refused = await visitor.api('DELETE', '/devices');
        expect([refused.status, JSON.parse(refused.body)]).toMatchObject([
          401,
          { error: 'reauth_required', anomaly: true },
        ]);
        expectSignInPage(await visitor.get('/confirm?returnTo=/account/password'), '/account/password');
        expectSignInPage(await visitor.post('/sessions/sign-out-others'), '/sessions');
        const reauthenticated = await visitor.api('POST', '/reauthenticate', { password: ADA?.password });
        expect(reauthenticated.status).toBe(401);
      }
      const page = await laptop.follow(await laptop.get('/sessions'));
      expect(page.body).toContain(IN_DOUBT);
      expect((await laptop.signIn(ADA, '/sessions')).location).toBe('/sessions');
      expect(await isSignedIn(laptop)).toBe(true);
      expect(await isSignedIn(thief)).toBe(false);
      expect(await devicesOf(laptop)).toHaveLength(2);
      expect(demo.world.logs.lines.join('\n')).toMatch(/"event":"session\.anomaly".*"decision":"step-up"/);
    });

    it('of a user with a second factor needs both factors again', async () => {
      const user = await addTwoFactorUser(demo);
      const thief = steal(user.here.cookie);
      expectSignInPage(await thief.get('/'));
      expect((await thief.signIn(user)).location).toBe('/sign-in/code');
      expect(await isSignedIn(thief)).toBe(false);
    });

    it('can be signed out by its owner', async () => {
      const { laptop, phone } = demo;
      const thief = steal(laptop.cookie);
      expectSignInPage(await thief.get('/'));
      expectSignInPage(await laptop.post('/sign-out'), '/', 'signed-out');
      expect(await devicesOf(phone)).toHaveLength(1);
    });
  },
);
