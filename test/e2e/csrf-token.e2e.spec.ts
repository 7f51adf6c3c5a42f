import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { APP_GUARD } from '@nestjs/core';
import { memoryStore, SessionGuard } from 'nest-sessions';
import type { CsrfRejection } from '#src/core/events/session-events.js';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from './support/account.controller.js';
import { CallbacksController, FormsController, FormsControllerBase } from './support/forms.controller.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

const REFUSAL = { statusCode: 403, error: 'csrf_rejected', message: 'CSRF token missing or wrong' };

describe.each(ADAPTERS)('CSRF tokens on %s', (adapter) => {
  let app: TestApp;
  let url: string;
  const heard: CsrfRejection[] = [];

  beforeAll(async () => {
    app = await startTestApp({
      adapter,
      controllers: [AccountController, FormsController, CallbacksController],
      options: { csrf: { token: 'required' } },
    });
    url = await app.nest.getUrl();
    app.sessions.events.on('csrf-rejected', (rejection) => void heard.push(rejection));
  });
  afterAll(() => app?.close());
  beforeEach(() => {
    FormsControllerBase.ran.length = 0;
    heard.length = 0;
    app.store.recover();
  });

  /** Somebody with a live session and a token for its forms. */
  const arrive = async (userId = 'ada') => {
    const { session, token } = await app.sessions.create({ userId });
    const cookies = [`__Host-session=${token}`];
    return { session, token, cookies, csrf: await askFor(cookies) };
  };

  const askFor = async (cookies: readonly string[]) => {
    const response = await app.client.send({ path: '/forms/csrf-token', cookies });
    return (response.json() as { token: string }).token;
  };

  const post = (cookies: readonly string[], headers: Record<string, string> = {}, path = '/forms', body?: unknown) =>
    app.client.send({ method: 'POST', path, cookies, headers, body });

  it('are needed by every unsafe request with a session, and taken from the header', async () => {
    const { cookies, csrf } = await arrive();
    const refused = await post(cookies);
    expect([refused.status, refused.json()]).toEqual([403, REFUSAL]);
    expect(FormsControllerBase.ran).toEqual([]);
    expect(heard).toMatchObject([{ refusal: 'no-token', isEnforced: true, method: 'POST' }]);
    expect((await post(cookies, { 'X-CSRF-Token': csrf })).json()).toEqual({ ran: 'post' });
    expect((await post(cookies, { 'x-csrf-token': csrf })).json()).toEqual({ ran: 'post' });
  });

  it('are taken from a body that was parsed, as JSON and as a form, where no header is', async () => {
    const { cookies, csrf } = await arrive();
    expect((await post(cookies, {}, '/forms', { _csrf: csrf })).json()).toEqual({ ran: 'post' });
    const form = await fetch(`${url}/forms`, {
      method: 'POST',
      headers: { cookie: cookies.join() },
      body: new URLSearchParams({ _csrf: csrf }),
    });
    expect(await form.json()).toEqual({ ran: 'post' });
    expect((await post(cookies, { 'X-CSRF-Token': 'x' }, '/forms', { _csrf: csrf })).json()).toEqual(REFUSAL);
  });

  it('are not taken from the query, another field, a cookie or a list', async () => {
    const { cookies, csrf } = await arrive();
    expect((await post(cookies, {}, `/forms?_csrf=${csrf}`)).status).toBe(403);
    expect((await post([...cookies, `_csrf=${csrf}`])).status).toBe(403);
    for (const body of [{ csrf }, { _csrf: [csrf] }, { _csrf: { 0: csrf } }, [csrf], { nested: { _csrf: csrf } }]) {
      expect((await post(cookies, {}, '/forms', body)).status).toBe(403);
    }
    expect(FormsControllerBase.ran).toEqual([]);
  });

  it('of another session are worth nothing, of the same user either', async () => {
    const [ada, other, mallory] = await Promise.all([arrive(), arrive(), arrive('mallory')]);
    for (const { csrf } of [other, mallory]) {
      expect((await post(ada.cookies, { 'X-CSRF-Token': csrf })).status).toBe(403);
    }
  });

  it('from before a sign-in are worth nothing after it, nor those from before a step-up (CVE-2023-29020, CVE-2022-24895)', async () => {
    const visitor = app.openBrowser();
    await visitor.post('/start');
    const before = await askFor([`__Host-session=${visitor.token}`]);
    const signIn = (csrf: string) =>
      app.client.send({
        method: 'POST',
        path: '/forms/sign-in',
        cookies: [`__Host-session=${visitor.token}`],
        body: { userId: 'ada', _csrf: csrf },
      });
    const signedIn = await signIn(before);
    const { token: after } = signedIn.json() as { token: string };
    const cookies = [signedIn.setCookies[0]?.split(';')[0] ?? ''];
    expect((await post(cookies, { 'X-CSRF-Token': before })).status).toBe(403);
    expect((await post(cookies, { 'X-CSRF-Token': after })).status).toBe(201);

    const steppedUp = await post(cookies, { 'X-CSRF-Token': after }, '/reauthenticate');
    const renewed = [steppedUp.setCookies[0]?.split(';')[0] ?? ''];
    expect((await post(renewed, { 'X-CSRF-Token': after })).status).toBe(403);
    expect((await post(renewed, { 'X-CSRF-Token': await askFor(renewed) })).status).toBe(201);
  });

  it('are not asked of whoever has no session: nobody, a dead cookie, garbage, two cookies', async () => {
    const ended = await arrive();
    await app.sessions.revoke(ended.session.id);
    const [ada, grace] = await Promise.all([arrive(), arrive('grace')]);
    for (const cookies of [[], ended.cookies, ['__Host-session=garbage'], [...ada.cookies, ...grace.cookies]]) {
      expect((await post(cookies)).json()).toEqual({ ran: 'post' });
      expect((await post(cookies, { Origin: 'https://attacker.example' })).status).toBe(403);
    }
  });

  it('do not excuse a request of another site', async () => {
    const { cookies, csrf } = await arrive();
    const refused = await post(cookies, { 'X-CSRF-Token': csrf, 'Sec-Fetch-Site': 'cross-site' });
    expect(refused.json()).toMatchObject({ error: 'csrf_rejected', message: 'Cross-origin request refused' });
  });

  it('are not needed to read, nor on what is exempt', async () => {
    const { cookies } = await arrive();
    expect((await app.client.send({ path: '/forms', cookies })).status).toBe(200);
    expect((await post(cookies, {}, '/forms/exempt')).status).toBe(201);
    expect((await post(cookies, {}, '/callbacks')).status).toBe(201);
  });

  it('cost no store call when they are right, and answer 503 when it cannot be known whether they are needed', async () => {
    const { cookies, csrf } = await arrive();
    app.store.calls.length = 0;
    expect((await post(cookies, { 'X-CSRF-Token': csrf })).status).toBe(201);
    expect(app.store.calls).toEqual([]);
    app.store.breakDown();
    const unknown = await post(cookies);
    expect([unknown.status, unknown.headers['retry-after'], unknown.setCookies]).toEqual([503, '5', []]);
    expect(FormsControllerBase.ran).toEqual(['post']);
  });

  it('are given to live sessions only, differ each time, and are not cached', async () => {
    const { cookies, csrf, session } = await arrive();
    const response = await app.client.send({ path: '/forms/csrf-token', cookies });
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.json()).not.toEqual({ token: csrf });
    expect((await post(cookies, { 'X-CSRF-Token': csrf })).status).toBe(201);
    await app.sessions.revoke(session.id);
    expect(await askFor(cookies)).toBeNull();
    expect(await askFor([])).toBeNull();
  });

  it('are in no log line', async () => {
    const { cookies, csrf } = await arrive();
    await post(cookies, { 'X-CSRF-Token': `${csrf}x` });
    await post(cookies, {}, '/forms', { _csrf: `${csrf}x` });
    expect(app.log.join('\n')).not.toContain(csrf);
    expect(app.log.filter((line) => line.includes('no-token')).length).toBeGreaterThan(0);
  });
});

describe.each(ADAPTERS)('CSRF tokens beside a periodic rotation on %s', (adapter) => {
  it('are good for the requests that carry the token they were made for, also with SessionGuard before them', async () => {
    const clock = new FakeClock();
    const app = await startTestApp({
      adapter,
      controllers: [FormsController],
      options: {
        store: memoryStore({ now: clock.now }),
        csrf: { token: 'required' },
        rotation: { every: '5m', grace: '30s' },
      },
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    });
    const first = (await app.sessions.create({ userId: 'ada' })).token;
    const send = (token: string | undefined, headers: Record<string, string> = {}) =>
      app.client.send({ method: 'POST', path: '/forms', cookies: [`__Host-session=${token}`], headers });
    const askFor = async (token: string | undefined) => {
      const request = { path: '/forms/csrf-token', cookies: [`__Host-session=${token}`] };
      return ((await app.client.send(request)).json() as { token: string }).token;
    };
    const csrf = await askFor(first);
    clock.advance(5 * 60_000);

    const due = await send(first, { 'X-CSRF-Token': csrf });
    const second = /^__Host-session=([^;]+)/.exec(due.setCookies[0] ?? '')?.[1];
    expect([due.json(), second?.length]).toEqual([{ ran: 'post' }, 64]);
    expect((await send(first, { 'X-CSRF-Token': csrf })).status).toBe(201);
    expect((await send(first, { 'X-CSRF-Token': `${csrf}x` })).status).toBe(403);
    expect((await send(second, { 'X-CSRF-Token': csrf })).status).toBe(403);
    expect((await send(second, { 'X-CSRF-Token': await askFor(second) })).status).toBe(201);
    await app.close();
  });
});

describe.each(ADAPTERS)('CSRF tokens that are only looked at on %s', (adapter) => {
  it('harm no request whose session cannot be looked up', async () => {
    const app = await startTestApp({
      adapter,
      controllers: [FormsController],
      options: { csrf: { token: 'required', mode: 'log-only' } },
    });
    const { token } = await app.sessions.create({ userId: 'ada' });
    app.store.breakDown();
    const request = { method: 'POST', path: '/forms', cookies: [`__Host-session=${token}`] };
    expect((await app.client.send(request)).json()).toEqual({ ran: 'post' });
    await app.close();
  });

  it('let everything through and tell of it once, with SessionGuard before them', async () => {
    const app = await startTestApp({
      adapter,
      controllers: [FormsController],
      options: { csrf: { token: 'required', mode: 'log-only' } },
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const request = { method: 'POST', path: '/forms', cookies: [`__Host-session=${token}`] };
    expect((await app.client.send(request)).json()).toEqual({ ran: 'post' });
    const headers = { 'Sec-Fetch-Site': 'cross-site' };
    expect((await app.client.send({ ...request, headers })).json()).toEqual({ ran: 'post' });
    expect(
      app.log.filter((line) => line.includes('csrf would refuse')).map((line) => /: ([a-z-]+),/.exec(line)?.[1]),
    ).toEqual(['no-token', 'cross-site']);
    await app.close();
  });

  it('are not asked for by default', async () => {
    const app = await startTestApp({ adapter, controllers: [FormsController] });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const cookies = [`__Host-session=${token}`];
    expect((await app.client.send({ method: 'POST', path: '/forms', cookies })).json()).toEqual({ ran: 'post' });
    await app.close();
  });
});
