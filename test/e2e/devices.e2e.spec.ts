import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import {
  CurrentHttpSession,
  memoryStore,
  type HttpSession,
  type OwnSession,
  type SessionModuleOptions,
} from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

/** Hands whatever a client sends to the method, as a careless application does. */
@Controller()
class DevicesController {
  @Get('devices')
  list(@CurrentHttpSession() http: HttpSession): Promise<OwnSession[]> {
    return http.sessions();
  }

  @Delete('devices')
  async revokeAll(@CurrentHttpSession() http: HttpSession) {
    const ended = await http.revokeAll();
    return { ended, left: (await http.current()) !== undefined };
  }

  @Post('call/:method')
  async call(
    @Param('method') method: 'signIn' | 'start',
    @Body() input: never,
    @CurrentHttpSession() http: HttpSession,
  ) {
    const id = await http[method](input);
    return { id };
  }

  @Post('confirm')
  async confirm(@Body() options: never, @CurrentHttpSession() http: HttpSession) {
    return { isConfirmed: await http.confirm('transfer', options) };
  }
}

describe.each(ADAPTERS)('a user’s own sessions on %s', (adapter) => {
  const clock = new FakeClock();
  let app: TestApp;
  let doubts = false;

  beforeAll(async () => {
    const onAnomaly: SessionModuleOptions['onAnomaly'] = () => (doubts ? 'step-up' : 'allow');
    app = await startTestApp({
      adapter,
      controllers: [DevicesController],
      options: { store: memoryStore({ now: clock.now }), onAnomaly },
    });
  });
  afterAll(() => app?.close());

  const create = async (userId: string | null, more: { awaitsSecondFactor?: boolean; userAgent?: string } = {}) => {
    clock.advance(1000);
    return app.sessions.create({ userId, ...more });
  };
  const send = (method: string, token?: string, headers: Record<string, string> = {}) =>
    app.client.send({
      method,
      path: '/devices',
      headers,
      cookies: token === undefined ? [] : [`__Host-session=${token}`],
    });
  const list = async (token?: string) => (await send('GET', token)).json() as OwnSession[];
  const isLive = async (token: string) =>
    (await app.sessions.authenticate(token, { touch: false })).outcome !== 'absent';

  it('are listed with the one that asks, most recent first, without tokens and without those of others', async () => {
    const first = await create('ada');
    const pending = await create('ada', { awaitsSecondFactor: true });
    const last = await create('ada');
    await create('bob');
    const listed = await list(first.token);
    expect(listed.map(({ id, isCurrent }) => [id, isCurrent])).toEqual([
      [last.session.id, false],
      [pending.session.id, false],
      [first.session.id, true],
    ]);
    expect(listed[1]?.awaitsSecondFactor).toBe(true);
    const own = listed.find(({ isCurrent }) => isCurrent);
    expect(own).toEqual({ ...JSON.parse(JSON.stringify(first.session)), isCurrent: true, checkedAt: own?.checkedAt });
    expect(JSON.stringify(listed)).not.toContain(first.token);
  });

  it('are none where nobody is signed in', async () => {
    const anonymous = await create(null);
    const pending = await create('eve', { awaitsSecondFactor: true });
    for (const token of [undefined, anonymous.token, pending.token, 'A'.repeat(64)]) {
      expect(await list(token)).toEqual([]);
      expect((await send('DELETE', token)).json()).toMatchObject({ ended: 0 });
    }
    expect(await isLive(anonymous.token)).toBe(true);
    expect(await isLive(pending.token)).toBe(true);
  });

  it('end all at once, with the cookie of the one that asks', async () => {
    const own = await create('carol');
    const others = [await create('carol'), await create('carol', { awaitsSecondFactor: true })];
    const stranger = await create('dave');
    const ends: (string | null)[] = [];
    const stop = app.sessions.events.on('ended', ({ endedBy }) => void ends.push(endedBy));
    const answer = await send('DELETE', own.token);
    stop();
    expect(answer.json()).toEqual({ ended: 3, left: false });
    expect(answer.setCookies).toEqual([expect.stringMatching(/^__Host-session=;.*Max-Age=0/)]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(ends).toEqual(['carol', 'carol', 'carol']);
    for (const { token } of [own, ...others]) expect(await isLive(token)).toBe(false);
    expect(await isLive(stranger.token)).toBe(true);
  });

  it('stay where onAnomaly stopped the one that asks: somebody else may hold it', async () => {
    const own = await create('frank', { userAgent: 'Firefox/140.0' });
    doubts = true;
    const other = { 'User-Agent': 'curl/8.0' };
    expect((await send('GET', own.token, other)).json()).toEqual([]);
    expect((await send('DELETE', own.token, other)).json()).toMatchObject({ ended: 0 });
    doubts = false;
    expect(await app.sessions.listByUser('frank')).toHaveLength(1);
  });

  it('are not known to have ended when the store does not answer, and the cookie stays', async () => {
    const own = await create('grace');
    app.store.breakDown('revokeAll');
    const answer = await send('DELETE', own.token);
    expect(answer.status).toBe(503);
    expect(answer.setCookies).toEqual([]);
    app.store.recover();
    expect(await list(own.token)).toHaveLength(1);
  });

  it.each([
    [
      'signIn',
      { userId: 'ada', awaitSecondFactor: true },
      'signIn has no field awaitSecondFactor. Did you mean awaitsSecondFactor?',
    ],
    ['signIn', { userId: 'ada', replacesToken: 'x' }, 'signIn has no field replacesToken.'],
    ['start', { userId: 'ada' }, 'start has no field userId.'],
    ['reauthenticate', { arm: ['pwd'] }, 'reauthenticate has no field arm. Did you mean amr?'],
    ['credentialsChanged', { userId: 'ada' }, 'credentialsChanged has no field userId.'],
    ['signOut', { clearSitedata: [] }, 'signOut has no field clearSitedata. Did you mean clearSiteData?'],
  ])('are not touched by %s with a field that it does not know: %j', async (method, body, problem) => {
    const { token } = await create('heidi');
    const answer = await app.client.send({
      method: 'POST',
      path: `/call/${method}`,
      body,
      cookies: [`__Host-session=${token}`],
    });
    expect(answer.status).toBe(500);
    expect(answer.setCookies).toEqual([]);
    expect(app.log.join('\n')).toContain(`SessionArgumentError: ${problem}`);
    expect(await isLive(token)).toBe(true);
  });

  it('are not confirmed for longer than was meant by a misspelt option', async () => {
    const { token } = await create('ivan');
    const request = { method: 'POST', path: '/confirm', cookies: [`__Host-session=${token}`] };
    expect((await app.client.send({ ...request, body: { validFor: '1m' } })).json()).toEqual({ isConfirmed: true });
    expect((await app.client.send({ ...request, body: { validfor: '1m' } })).status).toBe(500);
    expect(app.log.join('\n')).toContain('confirm has no field validfor. Did you mean validFor?');
  });
});
