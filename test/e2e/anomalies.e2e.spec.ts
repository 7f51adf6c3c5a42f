import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Delete, Get, Post, UseGuards } from '@nestjs/common';
import {
  AllowAnonymous,
  AllowPendingFactor,
  AllowReauthentication,
  CurrentHttpSession,
  CurrentSession,
  Public,
  RequireFreshSession,
  SessionGuard,
  type AnomalyDecision,
  type HttpSession,
  type Session,
  type SessionAnomaly,
  type SessionModuleOptions,
  type SignIn,
} from 'nest-sessions';
import { OpenConnections } from '#src/nest/connections/open-connections.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import { startSocketApp } from './support/socket-app.js';
import { closeWithinASecond, SOCKET_LIBRARIES } from './support/test-sockets.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
const HOME = { 'X-Forwarded-For': '192.0.2.7', 'User-Agent': FIREFOX };
const OFFICE = { ...HOME, 'X-Forwarded-For': '198.51.100.7' };
const THIEF = { 'X-Forwarded-For': '203.0.113.66', 'User-Agent': 'curl/8.14.1' };

@UseGuards(SessionGuard)
@Controller()
class DoubtController {
  @Public()
  @Post('sign-in')
  signIn(@Body() input: SignIn, @CurrentHttpSession() http: HttpSession): Promise<Session> {
    return http.signIn(input);
  }

  @Get('me')
  me(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @AllowAnonymous()
  @Get('cart')
  cart() {
    return { cart: [] };
  }

  @RequireFreshSession('10m')
  @Post('email')
  email() {
    return { changed: true };
  }

  @Public()
  @Get('seen')
  async seen(@CurrentHttpSession() http: HttpSession) {
    const found = [await http.current(), await http.pending(), await http.doubted()];
    const [current = null, pending = null, doubted = null] = found.map((session) => session?.userId);
    return { current, pending, doubted };
  }

  /** Where a user without a second factor sets up their first, say. */
  @AllowPendingFactor()
  @Post('factor')
  factor(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @AllowReauthentication()
  @Post('prove')
  async prove(@CurrentHttpSession() http: HttpSession) {
    return { userId: (await http.reauthenticate({ amr: ['pwd'] }))?.userId };
  }

  @Public()
  @Delete('devices')
  async revokeOthers(@CurrentHttpSession() http: HttpSession) {
    return { ended: await http.revokeOthers() };
  }

  @Public()
  @Post('sign-out')
  async signOut(@CurrentHttpSession() http: HttpSession) {
    return { ended: await http.signOut() };
  }
}

type Headers = Readonly<Record<string, string>>;

describe.each(ADAPTERS)('a session that another client uses, on %s (ASVS 8.2.4)', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  const start = async (
    answer: AnomalyDecision | SessionModuleOptions['onAnomaly'],
    options: Partial<SessionModuleOptions> = {},
  ) => {
    const onAnomaly = typeof answer === 'string' ? () => answer : answer;
    const app = await startTestApp({
      adapter,
      controllers: [DoubtController],
      trustProxy: true,
      options: { onAnomaly, ...options },
    });
    apps.push(app);
    return app;
  };

  /** The cookie as it is stored by whoever has it. */
  const signIn = async ({ client }: TestApp) => {
    const answer = await client.send({
      method: 'POST',
      path: '/sign-in',
      headers: HOME,
      body: { userId: 'ada', amr: ['pwd'] },
    });
    return cookieOf(answer.setCookies);
  };
  const cookieOf = (setCookies: readonly string[]) => setCookies[0]?.split(';')[0] ?? '';

  const ask = async ({ client }: TestApp, path: string, cookie: string, headers: Headers) => {
    const [method, target] = path.includes(' ') ? path.split(' ') : ['GET', path];
    return client.send({ method, path: target ?? path, cookies: [cookie], headers });
  };
  const statusOf = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).status;

  it('is let in without a word as long as nobody asked for comparing', async () => {
    const app = await start(undefined);
    const cookie = await signIn(app);
    expect(await statusOf(app, '/me', cookie, THIEF)).toBe(200);
  });

  it('asks with the address as the adapter tells it, and goes on when allowed', async () => {
    const asked: SessionAnomaly[] = [];
    const app = await start((anomaly) => {
      asked.push(anomaly);
      return 'notify';
    });
    const cookie = await signIn(app);
    for (let times = 0; times < 2; times++) expect(await statusOf(app, '/me', cookie, OFFICE)).toBe(200);
    expect(asked).toEqual([
      {
        session: expect.objectContaining({ userId: 'ada', ipAddress: '192.0.2.7' }),
        changes: ['network'],
        client: { ipAddress: '198.51.100.7', userAgent: FIREFOX },
      },
    ]);
  });

  it('is refused everywhere after step-up, until its user proves who they are where that is allowed', async () => {
    const app = await start('step-up');
    const cookie = await signIn(app);
    const message = 'Recent authentication required';
    const refusal = { statusCode: 401, error: 'reauth_required', message, anomaly: true };
    for (const headers of [THIEF, HOME]) {
      for (const path of ['/me', '/cart', 'POST /email', 'POST /factor']) {
        const refused = await ask(app, path, cookie, headers);
        expect([path, refused.status, refused.json(), refused.setCookies]).toEqual([path, 401, refusal, []]);
        expect(refused.headers['www-authenticate']).toBe('Session error="insufficient_user_authentication"');
      }
    }
    expect((await ask(app, '/seen', cookie, THIEF)).json()).toEqual({ current: null, pending: null, doubted: 'ada' });
    expect((await ask(app, 'DELETE /devices', cookie, THIEF)).json()).toEqual({ ended: 0 });
    const proven = await ask(app, 'POST /prove', cookie, HOME);
    expect(proven.json()).toEqual({ userId: 'ada' });
    const fresh = cookieOf(proven.setCookies);
    expect(await statusOf(app, '/me', fresh, HOME)).toBe(200);
    expect(await statusOf(app, '/me', cookie, THIEF)).toBe(401);
    // The new one is stolen too.
    expect(await statusOf(app, '/me', fresh, THIEF)).toBe(401);
  });

  it('that awaits its second factor goes on awaiting it, whoever uses it', async () => {
    const app = await start('step-up');
    const body = { userId: 'ada', amr: ['pwd'], awaitsSecondFactor: true };
    const answer = await app.client.send({ method: 'POST', path: '/sign-in', headers: HOME, body });
    const cookie = cookieOf(answer.setCookies);
    for (const headers of [THIEF, HOME]) {
      expect((await ask(app, '/seen', cookie, headers)).json()).toEqual({
        current: null,
        pending: 'ada',
        doubted: null,
      });
      expect((await ask(app, 'POST /prove', cookie, headers)).json()).toMatchObject({
        error: 'second_factor_required',
      });
      expect((await ask(app, 'POST /factor', cookie, headers)).json()).toEqual({ userId: 'ada' });
    }
  });

  it('lets complete sessions in where a proof is asked for', async () => {
    const app = await start('step-up');
    const cookie = await signIn(app);
    expect((await ask(app, 'POST /prove', cookie, HOME)).json()).toEqual({ userId: 'ada' });
  });

  it('can be signed out while it is in doubt', async () => {
    const app = await start('step-up');
    const cookie = await signIn(app);
    expect(await statusOf(app, '/me', cookie, THIEF)).toBe(401);
    expect((await ask(app, 'POST /sign-out', cookie, HOME)).json()).toEqual({ ended: true });
    expect(await app.sessions.listByUser('ada')).toEqual([]);
  });

  it('sends browsers where the application wants them', async () => {
    const app = await start('step-up', { redirect: ({ reason, path }) => `/prove?why=${reason}&to=${path}` });
    const cookie = await signIn(app);
    const page = await ask(app, '/me', cookie, { ...OFFICE, Accept: 'text/html' });
    expect([page.status, page.headers.location]).toEqual([303, '/prove?why=reauth_required&to=/me']);
  });

  it('ends by revoke, for its owner too, and tells why', async () => {
    const app = await start('revoke');
    const heard: unknown[] = [];
    app.sessions.events.on('ended', (event) => void heard.push(event));
    const cookie = await signIn(app);
    expect(await statusOf(app, '/me', cookie, THIEF)).toBe(401);
    expect(await statusOf(app, '/me', cookie, HOME)).toBe(401);
    expect(heard).toMatchObject([{ userId: 'ada', endReason: 'anomaly' }]);
  });

  it('is a 500 and stays as it is when the application fails to answer', async () => {
    const app = await start(() => {
      throw new Error('no answer');
    });
    const cookie = await signIn(app);
    expect(await statusOf(app, '/me', cookie, THIEF)).toBe(500);
    expect(await statusOf(app, '/me', cookie, HOME)).toBe(200);
  });

  it('tells neither the handler nor the event more of an address than ipAddresses keeps', async () => {
    const asked: unknown[] = [];
    const app = await start(
      ({ client }) => {
        asked.push(client.ipAddress);
        return 'notify';
      },
      { ipAddresses: 'truncated' },
    );
    app.sessions.events.on('anomaly', ({ ipAddress, formerIpAddress }) => void asked.push(ipAddress, formerIpAddress));
    const cookie = await signIn(app);
    expect(await statusOf(app, '/me', cookie, { ...HOME, 'X-Forwarded-For': '192.0.2.99' })).toBe(200);
    expect(asked).toEqual([]);
    expect(await statusOf(app, '/me', cookie, OFFICE)).toBe(200);
    expect(asked).toEqual(['198.51.100.0', '198.51.100.0', '192.0.2.0']);
  });
});

describe.each(SOCKET_LIBRARIES)('a socket of %s whose session came to be in doubt', (library) => {
  it('is closed at its next message, at the next check, and a new one is refused', async () => {
    const app = await startSocketApp({ library, options: { onAnomaly: () => 'step-up' } });
    try {
      const { token } = await app.sessions.create({ userId: 'ada', ipAddress: '192.0.2.7', userAgent: FIREFOX });
      const asIs = { 'user-agent': FIREFOX };
      const [talking, silent] = [await app.connect(token, asIs), await app.connect(token, asIs)];
      for (const socket of [talking, silent]) expect(await socket.ask('who')).toMatchObject({ event: 'you' });
      const outcome = await app.sessions.authenticate(token, { client: { ipAddress: '203.0.113.66' } });
      expect(outcome.outcome).toBe('awaits-reauthentication');
      expect(await talking.ask('who')).toMatchObject({ event: 'exception', data: { statusCode: 401 } });
      await closeWithinASecond(talking);
      expect(silent.isClosed).toBe(false);
      await app.nest.get(OpenConnections, { strict: false }).recheck();
      await closeWithinASecond(silent);
      const refused = await app.connect(token, asIs);
      expect(await refused.next()).toMatchObject({ event: 'exception', data: { statusCode: 401 } });
      await closeWithinASecond(refused);
    } finally {
      await app.close();
    }
  });
});
