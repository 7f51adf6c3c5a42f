import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { CurrentHttpSession, memoryStore, RequireConfirmation, SessionGuard, type HttpSession } from 'nest-sessions';
import type { IdentityProviderInput } from '#src/core/authentication/session-authentication.js';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const ISSUER = 'https://idp.example';

@UseGuards(SessionGuard)
@Controller('money')
class MoneyController {
  static transfers = 0;

  /** Where a code of the user would be checked. */
  @Post('confirm')
  async confirm(@CurrentHttpSession() http: HttpSession) {
    return { confirmed: await http.confirm('transfer', { validFor: '5m' }) };
  }

  @RequireConfirmation('transfer')
  @Post('transfer')
  transfer() {
    MoneyController.transfers += 1;
    return { transferred: true };
  }

  @Get('balance')
  balance() {
    return { balance: 1 };
  }
}

describe.each(ADAPTERS)('ASVS 5.0 V7, what a session is good for, on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    MoneyController.transfers = 0;
  });

  const start = async (options: TestAppSettings['options'] = {}) => {
    const app = await startTestApp({ adapter, options, controllers: [AccountController, MoneyController] });
    apps.push(app);
    return app;
  };

  const signIn = async (app: TestApp) => {
    const browser = app.openBrowser();
    expect((await browser.post('/sign-in', { userId: 'ada', amr: ['pwd'] })).status).toBe(201);
    return browser;
  };

  it('V7.4.4 signs nobody out by a link or a form of another site, and by the own button at once', async () => {
    const app = await start();
    const browser = await signIn(app);
    const cookies = [`__Host-session=${browser.token}`];
    expect((await app.client.send({ path: '/sign-out', cookies })).status).toBe(404);
    const foreign = { 'Sec-Fetch-Site': 'cross-site' };
    expect((await app.client.send({ method: 'POST', path: '/sign-out', cookies, headers: foreign })).status).toBe(403);
    expect((await browser.get('/me')).status).toBe(200);
    expect((await browser.post('/sign-out')).json()).toEqual({ ended: true, left: false });
    expect((await app.client.send({ path: '/me', cookies })).status).toBe(401);
  });

  it('V7.5.3 lets one transfer through for one confirmation, of twenty at once, and none when it is stale', async () => {
    const clock = new FakeClock();
    const app = await start({ store: memoryStore({ now: clock.now }) });
    const browser = await signIn(app);
    const refusal = { statusCode: 401, error: 'reauth_required', confirmation: 'transfer' };
    expect((await browser.post('/money/transfer')).json()).toMatchObject(refusal);
    await browser.post('/money/confirm');
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.post('/money/transfer')));
    expect([answers.filter(({ status }) => status === 201).length, MoneyController.transfers]).toEqual([1, 1]);
    await browser.post('/money/confirm');
    clock.advance(5 * 60_000);
    expect((await browser.post('/money/transfer')).json()).toMatchObject(refusal);
    expect(MoneyController.transfers).toBe(1);
  });

  it('V7.6.1 sends back to the identity provider whose sign-in there is too old, or of no known age', async () => {
    const clock = new FakeClock();
    const app = await start({
      store: memoryStore({ now: clock.now }),
      maxIdentityProviderAge: '1h',
      idleTimeout: '4h',
    });
    const statusFor = async (identityProvider: IdentityProviderInput | undefined, laterMs = 0) => {
      const { token } = await app.sessions.create({ userId: 'ada', amr: ['pwd'], identityProvider });
      clock.advance(laterMs);
      const browser = app.openBrowser();
      browser.jar.set('__Host-session', token);
      const answer = await browser.get('/money/balance');
      return { browser, status: answer.status, answer };
    };
    const now = () => clock.now();
    expect((await statusFor(undefined, HOUR_MS)).status).toBe(200);
    expect((await statusFor({ issuer: ISSUER, authenticatedAt: now() }, HOUR_MS - 1)).status).toBe(200);
    expect((await statusFor({ issuer: ISSUER })).status).toBe(401);
    const { browser, answer } = await statusFor({ issuer: ISSUER, authenticatedAt: now() }, HOUR_MS);
    expect(answer.json()).toMatchObject({ statusCode: 401, error: 'reauth_required', identityProvider: true });
    for (const [at, status] of [
      [now().getTime() - HOUR_MS, 401],
      [now().getTime(), 200],
    ] as const) {
      const { token } = browser;
      // As the public handler does that the provider sends the user back to.
      const returned = await app.sessions.reauthenticate(token, {
        amr: ['pwd'],
        identityProvider: { issuer: ISSUER, authenticatedAt: new Date(at) },
      });
      browser.jar.set('__Host-session', returned.rotated ? returned.token : 'none');
      expect([at, (await browser.get('/money/balance')).status]).toEqual([at, status]);
    }
  });
});
