import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, UseGuards, type CanActivate } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  CurrentHttpSession,
  CurrentSession,
  Public,
  SessionGuard,
  SessionStoreUnavailableError,
  type HttpSession,
  type Session,
  type SessionModuleOptions,
} from 'nest-sessions';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Gate } from '../support/barrier.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
const HOME = { ipAddress: '192.0.2.7', userAgent: FIREFOX };

let transfers: (string | null)[] = [];

@UseGuards(SessionGuard)
@Controller()
class TransferController {
  @Post('transfer')
  transfer(@CurrentSession() { userId }: Session) {
    transfers.push(userId);
    return {};
  }

  @Public()
  @Post('rotate')
  async rotate(@CurrentHttpSession() http: HttpSession) {
    const rotated = await http.rotate();
    return { rotated: rotated?.userId ?? null, current: (await http.current())?.userId ?? null };
  }

  @Public()
  @Post('sign-out')
  async signOut(@CurrentHttpSession() http: HttpSession) {
    return { ended: await http.signOut() };
  }

  @Public()
  @Get('up')
  up() {
    return {};
  }
}

describe.each(ADAPTERS)('requests of a session that another client uses, on %s (ASVS 8.2.4)', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    transfers = [];
  });

  const start = async (onAnomaly: SessionModuleOptions['onAnomaly'], guard?: CanActivate) => {
    const app = await startTestApp({
      adapter,
      controllers: [TransferController],
      providers: guard ? [{ provide: APP_GUARD, useValue: guard }] : [],
      options: { onAnomaly },
    });
    apps.push(app);
    return app;
  };

  /** Sends a request from 127.0.0.1, and hangs up while it waits at the gate. */
  const transferAndHangUp = async ({ nest, client }: TestApp, token: string, gate: Gate) => {
    const { port } = new URL(await nest.getUrl());
    const server = nest.getHttpServer() as Server;
    const hungUp = once(server, 'connection').then(async ([socket]) => once(socket as Socket, 'close'));
    const hasty = connect(Number(port), '127.0.0.1');
    const headers = ['Host: x', `User-Agent: ${FIREFOX}`, `Cookie: __Host-session=${token}`, 'Content-Length: 0'];
    hasty.write(['POST /transfer HTTP/1.1', ...headers, '', ''].join('\r\n'));
    await gate.reached;
    hasty.destroy();
    await hungUp;
    gate.open();
    // By the time that this one is answered, what is left to do for the other is done.
    expect((await client.send({ path: '/up' })).status).toBe(200);
  };

  it('are compared by the address that they came from when the client hangs up meanwhile', async () => {
    const asked: unknown[] = [];
    const app = await start(({ changes, client }) => {
      asked.push([changes, client.ipAddress]);
      return 'step-up';
    });
    const { token } = await app.sessions.create({ userId: 'ada', ...HOME });
    const gate = new Gate();
    app.store.before = (method) => (method === 'find' ? gate.pass() : undefined);
    await transferAndHangUp(app, token, gate);
    expect([asked, transfers]).toEqual([[[['network'], '127.0.0.1']], []]);
  });

  it('go no further when the client hung up before anybody asked where it was', async () => {
    const gate = new Gate();
    const slow = { canActivate: async () => gate.pass().then(() => true) };
    const app = await start(() => 'step-up', slow);
    const { session, token } = await app.sessions.create({ userId: 'ada', ...HOME });
    await transferAndHangUp(app, token, gate);
    expect(transfers).toEqual([]);
    expect(await app.sessions.listByUser('ada')).toMatchObject([{ id: session.id, awaitsReauthentication: false }]);
  });

  it('of clients that hung up are as good as others where nobody is compared', async () => {
    const gate = new Gate();
    const app = await start(undefined, { canActivate: async () => gate.pass().then(() => true) });
    const { token } = await app.sessions.create({ userId: 'ada', ...HOME });
    await transferAndHangUp(app, token, gate);
    expect(transfers).toEqual(['ada']);
  });

  const elsewhere = (token: string) => ({ cookies: [`__Host-session=${token}`], headers: { 'User-Agent': FIREFOX } });

  it('sign out although the application cannot judge the client', async () => {
    const app = await start(() => {
      throw new Error('the address lookup is down');
    });
    const { token } = await app.sessions.create({ userId: 'ada', ...HOME });
    const answer = await app.client.send({ method: 'POST', path: '/sign-out', ...elsewhere(token) });
    expect([answer.status, answer.json()]).toEqual([201, { ended: true }]);
    expect(answer.setCookies).toMatchObject([expect.stringContaining('Max-Age=0')]);
    expect(await app.sessions.listByUser('ada')).toEqual([]);
  });

  it('sign out no more often than before while the store does not answer', async () => {
    const app = await start(() => 'step-up');
    const { token } = await app.sessions.create({ userId: 'ada', ...HOME });
    app.store.calls.splice(0);
    app.store.before = () => {
      throw new SessionStoreUnavailableError('memory', 'it is down');
    };
    expect((await app.client.send({ method: 'POST', path: '/sign-out', ...elsewhere(token) })).status).toBe(503);
    expect(app.store.calls).toEqual(['find']);
    app.store.recover();
  });

  it('come to nothing by rotate when another one proves meanwhile who its user is', async () => {
    const app = await start(() => 'step-up');
    const { session, token } = await app.sessions.create({ userId: 'ada', ...HOME });
    const gate = new Gate();
    let rotations = 0;
    app.store.before = async (method) => {
      if (method !== 'rotate') return;
      rotations += 1;
      // The first stores the doubt.
      if (rotations === 2) await gate.pass();
    };
    const answer = app.client.send({ method: 'POST', path: '/rotate', ...elsewhere(token) });
    await gate.reached;
    expect((await app.sessions.reauthenticate(token, { amr: ['pwd'] })).rotated).toBe(true);
    gate.open();
    expect((await answer).json()).toEqual({ rotated: null, current: null });
    expect(await app.sessions.listByUser('ada')).toMatchObject([{ id: session.id, awaitsReauthentication: false }]);
  });
});
