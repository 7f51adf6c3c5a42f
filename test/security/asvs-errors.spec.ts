import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Post, UseGuards } from '@nestjs/common';
import { memoryStore, SessionGuard, SessionStoreUnavailableError } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp } from '../e2e/support/test-app.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

@Injectable()
class FailingGuard extends SessionGuard {
  protected override isAccepted(): boolean {
    throw new TypeError('cannot read secret-table of undefined');
  }
}

@Controller('vault')
class VaultController {
  static opened = 0;

  @UseGuards(SessionGuard)
  @Post('open')
  open() {
    VaultController.opened += 1;
    return { opened: true };
  }

  @UseGuards(FailingGuard)
  @Get('failing')
  failing() {
    VaultController.opened += 1;
    return { opened: true };
  }
}

describe.each(ADAPTERS)('ASVS 5.0 V16.5, errors, on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    VaultController.opened = 0;
  });

  const start = async () => {
    const clock = new FakeClock();
    const store = memoryStore({ now: clock.now });
    const app = await startTestApp({ adapter, options: { store }, controllers: [AccountController, VaultController] });
    apps.push(app);
    const names: string[] = [];
    app.sessions.events.onAny((name) => void names.push(name));
    return { app, clock, names };
  };

  const send = (app: TestApp, path: string, token: string, method = 'GET') =>
    app.client.send({ method, path, cookies: [`__Host-session=${token}`] });

  it('V16.5.1 tells a client nothing of what is behind an answer: not why a session is dead, nor what broke', async () => {
    const { app, clock } = await start();
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const wrong = Buffer.from(token, 'base64url').fill(1, 16).toString('base64url');
    const expired = await app.sessions.create({ userId: 'grace' });
    clock.advance(31 * MINUTE_MS);
    await app.sessions.revoke(session.id);
    const bodies = await Promise.all(
      [token, wrong, expired.token, 'A'.repeat(64), 'garbage'].map(async (one) => (await send(app, '/me', one)).text),
    );
    expect(new Set(bodies)).toEqual(new Set(['{"statusCode":401,"error":"unauthenticated","message":"Unauthorized"}']));
    const cause = new Error('connect ECONNREFUSED postgres://app:hunter2@10.0.0.7/prod');
    app.store.before = () => {
      throw new SessionStoreUnavailableError('postgres', cause.message, { cause });
    };
    const down = await send(app, '/me', token);
    app.store.before = () => {
      throw cause;
    };
    const broken = await send(app, '/me', token);
    app.store.recover();
    const live = await app.sessions.create({ userId: 'ada' });
    const failing = await send(app, '/vault/failing', live.token);
    expect([down.status, broken.status, failing.status]).toEqual([503, 500, 500]);
    for (const { text, headers } of [down, broken, failing]) {
      expect(text + JSON.stringify(headers)).not.toMatch(/hunter2|10\.0\.0\.7|secret-table|postgres|\.ts:|at .*\(/);
    }
  });

  it('V16.5.2 goes on without its store where no session is needed, keeps everybody signed in, and recovers', async () => {
    const { app, names } = await start();
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    app.store.breakDown();
    const down = await browser.get('/me');
    expect([down.status, down.headers['retry-after'], down.setCookies]).toEqual([503, '5', []]);
    expect((await browser.get('/open')).status).toBe(200);
    expect((await app.openBrowser().get('/me')).status).toBe(401);
    app.store.recover();
    expect((await browser.get('/me')).json()).toMatchObject({ userId: 'ada' });
    expect(names).toEqual(['created', 'store-unavailable']);
  });

  it('V16.5.3 lets nobody in, and nothing run, when a check fails', async () => {
    const { app } = await start();
    const { token } = await app.sessions.create({ userId: 'ada' });
    const failures = [new SessionStoreUnavailableError('memory', 'it is down'), new TypeError('a bug in the store')];
    for (const failure of failures) {
      app.store.before = () => {
        throw failure;
      };
      expect((await send(app, '/vault/open', token, 'POST')).status).toBeGreaterThanOrEqual(500);
      const { status, setCookies } = await app.openBrowser().post('/sign-in', { userId: 'ada' });
      expect([status >= 500, setCookies]).toEqual([true, []]);
    }
    app.store.recover();
    expect((await send(app, '/vault/failing', token)).status).toBe(500);
    expect(VaultController.opened).toBe(0);
    expect(await app.sessions.listByUser('ada')).toHaveLength(1);
    expect((await send(app, '/vault/open', token, 'POST')).status).toBe(201);
  });
});
