import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, UseGuards } from '@nestjs/common';
import {
  AllowAnonymous,
  AllowPendingFactor,
  CurrentHttpSession,
  CurrentSession,
  Public,
  RequireAssurance,
  RequireConfirmation,
  RequireFreshSession,
  SessionGuard,
  type AuthenticationInput,
  type HttpSession,
  type Session,
  type SignIn,
} from 'nest-sessions';
import { ADAPTERS, startTestApp, type TestApp } from '../../e2e/support/test-app.js';

@UseGuards(SessionGuard)
@Controller()
class StepUpController {
  @Public()
  @Post('sign-in')
  signIn(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession) {
    return http.signIn(input);
  }

  @Get('plain')
  plain(@CurrentSession() { userId, amr, assuranceLevel }: Session) {
    return { userId, amr, assuranceLevel };
  }

  @AllowAnonymous()
  @Get('cart')
  cart() {
    return { cart: [] };
  }

  @Public()
  @Get('public')
  async open(@CurrentHttpSession() http: HttpSession) {
    return { current: (await http.current()) ?? null, pending: (await http.pending())?.userId ?? null };
  }

  @AllowPendingFactor()
  @Get('factor')
  factor(@CurrentSession() { userId, awaitsSecondFactor }: Session) {
    return { userId, awaitsSecondFactor };
  }

  @AllowPendingFactor()
  @Post('factor')
  async prove(@CurrentHttpSession() http: HttpSession) {
    const session = await http.reauthenticate({ amr: ['otp'] });
    return { amr: session?.amr, assuranceLevel: session?.assuranceLevel };
  }

  @Post('reauthenticate')
  reauthenticate(@Body() input: AuthenticationInput & { amr: string[] }, @CurrentHttpSession() http: HttpSession) {
    return http.reauthenticate(input);
  }

  @RequireAssurance('aal2')
  @Get('secret')
  secret() {
    return { secret: true };
  }

  @RequireFreshSession('10m', { amr: ['otp'] })
  @Post('transfer')
  transfer() {
    return { transferred: true };
  }

  @Post('confirm')
  async confirm(@Body() { action }: { action: string }, @CurrentHttpSession() http: HttpSession) {
    return { confirmed: await http.confirm(action) };
  }

  @RequireConfirmation('pay')
  @Post('pay')
  pay() {
    return { paid: true };
  }

  @AllowPendingFactor()
  @Post('revoke-others')
  async revokeOthers(@CurrentHttpSession() http: HttpSession) {
    return { ended: await http.revokeOthers() };
  }

  @Post('password')
  async changePassword(@CurrentHttpSession() http: HttpSession) {
    const { session, ended } = await http.credentialsChanged({ amr: ['pwd'] });
    return { userId: session?.userId, ended };
  }
}

describe.each(ADAPTERS)('step-up on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({ adapter, controllers: [StepUpController] });
  });

  afterAll(() => app.close());

  const signIn = async (input: Partial<SignIn> = {}) => {
    const browser = app.openBrowser();
    const answer = await browser.post('/sign-in', { userId: `ada-${Math.random()}`, amr: ['pwd'], ...input });
    expect(answer.status).toBe(201);
    return browser;
  };

  it('refuses a session that awaits its second factor everywhere but where that is allowed (GHSA-xg6x-h9c9-2m83)', async () => {
    const browser = await signIn({ userId: 'ada', awaitsSecondFactor: true });
    for (const path of ['/plain', '/cart', '/secret']) {
      const refused = await browser.get(path);
      expect([refused.status, refused.json()]).toEqual([
        401,
        { statusCode: 401, error: 'second_factor_required', message: 'Second factor required' },
      ]);
    }
    expect((await browser.post('/transfer')).json()).toMatchObject({ error: 'second_factor_required' });
    expect((await browser.get('/public')).json()).toEqual({ current: null, pending: 'ada' });
    expect((await browser.get('/factor')).json()).toEqual({ userId: 'ada', awaitsSecondFactor: true });
  });

  it('lets no session that awaits its second factor end others', async () => {
    const other = await signIn({ userId: 'victim' });
    const pending = await signIn({ userId: 'victim', awaitsSecondFactor: true });
    expect((await pending.post('/revoke-others')).json()).toEqual({ ended: 0 });
    expect((await other.get('/plain')).status).toBe(200);
  });

  it('rotates the token when the factor is proved, adds its method and raises the level (ASVS 7.2.4)', async () => {
    const browser = await signIn({ awaitsSecondFactor: true });
    const before = browser.token;
    expect((await browser.post('/factor')).json()).toEqual({ amr: ['pwd', 'otp'], assuranceLevel: 'aal2' });
    expect(browser.token).not.toBe(before);
    expect((await browser.get('/secret')).json()).toEqual({ secret: true });
    const replayed = await app.client.send({ path: '/factor', cookies: [`__Host-session=${before}`] });
    expect([replayed.status, replayed.json()]).toMatchObject([401, { error: 'unauthenticated' }]);
  });

  it('is over for a factor that does not come within ten minutes', async () => {
    const { session } = await app.sessions.create({ userId: 'slow', amr: ['pwd'], awaitsSecondFactor: true });
    expect(session.absoluteExpiresAt.getTime() - session.createdAt.getTime()).toBe(600_000);
  });

  it('tells an application without HTTP that nobody is signed in yet', async () => {
    const { token } = await app.sessions.create({ userId: 'ada', amr: ['pwd'], awaitsSecondFactor: true });
    expect(await app.sessions.authenticate(token)).toMatchObject({ outcome: 'awaits-second-factor' });
  });

  it('refuses a level that was not reached in words for machines, and lets in who reaches it', async () => {
    const browser = await signIn();
    const refused = await browser.get('/secret');
    expect([refused.status, refused.json()]).toEqual([
      401,
      {
        statusCode: 401,
        error: 'reauth_required',
        message: 'Stronger authentication required',
        assuranceLevel: 'aal2',
      },
    ]);
    expect(refused.headers['www-authenticate']).toBe(
      'Session error="insufficient_user_authentication", acr_values="aal2"',
    );
    await browser.post('/reauthenticate', { amr: ['pwd', 'otp'] });
    expect((await browser.get('/secret')).status).toBe(200);
    await browser.post('/reauthenticate', { amr: ['pwd'] });
    expect((await browser.get('/secret')).status).toBe(200);
  });

  it('asks for another factor right before a highly sensitive transaction (ASVS 7.5.3)', async () => {
    const browser = await signIn();
    expect((await browser.post('/transfer')).json()).toMatchObject({
      error: 'reauth_required',
      maxAgeSeconds: 600,
      amr: ['otp'],
    });
    await browser.post('/reauthenticate', { amr: ['otp'] });
    expect((await browser.post('/transfer')).json()).toEqual({ transferred: true });
    await browser.post('/reauthenticate', { amr: ['pwd'] });
    expect((await browser.post('/transfer')).status).toBe(401);
  });

  it('lets one request through for each confirmation, of parallel ones too (ASVS 7.5.3)', async () => {
    const browser = await signIn();
    expect((await browser.post('/pay')).json()).toMatchObject({ error: 'reauth_required', confirmation: 'pay' });
    expect((await browser.post('/confirm', { action: 'refund' })).json()).toEqual({ confirmed: true });
    expect((await browser.post('/pay')).status).toBe(401);
    expect((await browser.post('/confirm', { action: 'pay' })).json()).toEqual({ confirmed: true });
    const answers = await Promise.all(Array.from({ length: 8 }, () => browser.post('/pay')));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect((await browser.post('/pay')).status).toBe(401);
  });

  it('uses no confirmation up for a request that is refused for something else', async () => {
    const browser = await signIn();
    await browser.post('/confirm', { action: 'pay' });
    const stranger = await signIn();
    expect((await stranger.post('/pay')).status).toBe(401);
    expect((await browser.post('/pay')).status).toBe(201);
  });

  it('ends all other sessions and rotates this one when the password was changed (ASVS 7.4.3)', async () => {
    const [here, there, elsewhere] = [
      await signIn({ userId: 'grace' }),
      await signIn({ userId: 'grace' }),
      await signIn({ userId: 'grace' }),
    ];
    const before = here.token;
    expect((await here.post('/password')).json()).toEqual({ userId: 'grace', ended: 2 });
    expect(here.token).not.toBe(before);
    expect([(await here.get('/plain')).status, (await there.get('/plain')).status]).toEqual([200, 401]);
    expect((await elsewhere.get('/plain')).status).toBe(401);
    expect((await app.client.send({ path: '/plain', cookies: [`__Host-session=${before}`] })).status).toBe(401);
  });

  it('ends all others although somebody replaced the token while the password was being changed', async () => {
    const [here, there] = [await signIn({ userId: 'hopper' }), await signIn({ userId: 'hopper' })];
    const { token } = here;
    let finds = 0;
    app.store.before = async (method) => {
      if (method !== 'find') return;
      finds += 1;
      // The guard has let the request in by the first.
      if (finds === 2) await app.sessions.rotate(token);
    };
    expect((await here.post('/password')).json()).toEqual({ ended: 2 });
    app.store.recover();
    expect((await there.get('/plain')).status).toBe(401);
  });

  it('refuses what cannot be stored before anything is', async () => {
    const size = app.store.calls.length;
    const answer = await app.openBrowser().post('/sign-in', { userId: 'ada', assuranceLevel: 'aal9' });
    expect(answer.status).toBe(500);
    expect(app.store.calls.length).toBe(size);
  });
});

describe.each(ADAPTERS)('pages that a session may not see, on %s', (adapter) => {
  const AUTHENTICATED_AT = new Date(Date.now() - 3_600_000);
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      controllers: [StepUpController],
      options: {
        maxIdentityProviderAge: '30m',
        redirect: ({ reason, path }) => {
          if (path === '/cart') return 'https://evil.example/';
          if (reason === 'second_factor_required') return '/factor-page';
          return reason === 'unauthenticated' ? `/sign-in?returnTo=${encodeURIComponent(path)}` : undefined;
        },
      },
    });
  });

  afterAll(() => app.close());

  const page = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' };

  it('are answered by the page that the application names, with a way back', async () => {
    const answer = await app.client.send({ path: '/plain?tab=2', headers: page });
    expect([answer.status, answer.headers['location']]).toEqual([303, '/sign-in?returnTo=%2Fplain%3Ftab%3D2']);
    expect(answer.headers['cache-control']).toBe('no-store');
    const pending = app.openBrowser();
    await pending.post('/sign-in', { userId: 'ada', awaitsSecondFactor: true });
    const waiting = await app.client.send({
      path: '/plain',
      headers: page,
      cookies: [`__Host-session=${pending.token}`],
    });
    expect([waiting.status, waiting.headers['location']]).toEqual([303, '/factor-page']);
  });

  it.each([
    ['API requests', 'GET', { accept: 'application/json' }],
    ['requests of scripts', 'GET', { accept: 'text/html', 'sec-fetch-mode': 'cors' }],
    ['anything but GET', 'POST', page],
  ])('are 401 for %s', async (_what, method, headers) => {
    const path = method === 'POST' ? '/password' : '/plain';
    const answer = await app.client.send({ path, method, headers });
    expect([answer.status, answer.json()]).toMatchObject([401, { error: 'unauthenticated' }]);
    expect(answer.headers['location']).toBeUndefined();
  });

  it('are never a way to another site', async () => {
    const answer = await app.client.send({ path: '/cart', headers: page });
    expect([answer.status, answer.headers['location']]).toEqual([500, undefined]);
  });

  it('ask a user back to the identity provider whose sign-in is too old (ASVS 7.6.1)', async () => {
    const identityProvider = { issuer: 'https://idp.example', sessionId: 'sid', authenticatedAt: AUTHENTICATED_AT };
    const { token } = await app.sessions.create({ userId: 'ada', amr: ['pwd'], identityProvider });
    const refused = await app.client.send({ path: '/plain', cookies: [`__Host-session=${token}`] });
    expect([refused.status, refused.json()]).toMatchObject([401, { error: 'reauth_required', identityProvider: true }]);
    const renewed = await app.sessions.reauthenticate(token, {
      amr: ['pwd'],
      identityProvider: { ...identityProvider, authenticatedAt: new Date() },
    });
    const cookies = renewed.rotated ? [`__Host-session=${renewed.token}`] : [];
    expect((await app.client.send({ path: '/plain', cookies })).status).toBe(200);
    const own = await app.sessions.create({ userId: 'ada', amr: ['pwd'] });
    expect((await app.client.send({ path: '/plain', cookies: [`__Host-session=${own.token}`] })).status).toBe(200);
  });
});
