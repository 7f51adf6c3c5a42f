import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SHARED_BACKENDS, shareMemory, type SharedBackend } from '../support/shared-backends.js';
import { startSocketApp, type SocketApp } from './support/socket-app.js';
import { closeWithinASecond, SOCKET_LIBRARIES } from './support/test-sockets.js';

const REFUSED = { status: 'error', statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' };

describe.each([...Object.keys(SHARED_BACKENDS), 'memory'])('sockets on two instances on %s', (name) => {
  let backend: SharedBackend;
  let apps: SocketApp[];

  const start = async (recheckInterval: '1h' | '200ms') => {
    const libraries = [...SOCKET_LIBRARIES];
    apps = await Promise.all(
      libraries.map((library, index) =>
        startSocketApp({
          library,
          store: backend.define(),
          sockets: { recheckInterval },
          adapter: index === 0 ? 'express' : 'fastify',
        }),
      ),
    );
    const [one, other] = apps;
    if (!one || !other) throw new Error('two instances are needed');
    return [one, other] as const;
  };

  beforeAll(async () => {
    backend = await (SHARED_BACKENDS[name]?.() ?? shareMemory());
  });
  afterEach(async () => {
    for (const proxy of backend.listening) proxy.accept();
    await Promise.all(apps.map((app) => app.close()));
  });
  afterAll(() => backend.close());

  it('close within a second after the session was revoked on the other instance (ASVS 7.4.1)', async () => {
    const [one, other] = await start('1h');
    for (const [here, there] of [
      [one, other],
      [other, one],
    ] as const) {
      const { token, session } = await here.sessions.create({ userId: 'ada' });
      const kept = await here.sessions.create({ userId: 'ada' });
      const [socket, staying] = [await there.connect(token), await there.connect(kept.token)];
      await Promise.all([socket.ask('who'), staying.ask('who')]);
      await here.sessions.revoke(session.id);
      expect(['io server disconnect', 4401]).toContain(await closeWithinASecond(socket));
      expect((await staying.ask('who')).event).toBe('you');
      await here.sessions.revokeAll('ada');
      await closeWithinASecond(staying);
    }
  });

  it('close within a second after everything was revoked on the other instance (ASVS 7.4.5)', async () => {
    const [one, other] = await start('1h');
    const sockets = await Promise.all(
      ['ada', 'grace'].map(async (userId) => {
        const { token } = await one.sessions.create({ userId });
        return Promise.all([one.connect(token), other.connect(token)]);
      }),
    );
    await Promise.all(sockets.flat().map((socket) => socket.ask('who')));
    await one.sessions.revokeEverything();
    await Promise.all(sockets.flat().map((socket) => closeWithinASecond(socket)));
    const { token } = await other.sessions.create({ userId: 'ada' });
    expect((await (await one.connect(token)).ask('who')).event).toBe('you');
  });

  if (name === 'memory') return;

  it('refuse a message after the revocation although nobody told their instance', async () => {
    const [one, other] = await start('1h');
    const { token, session } = await one.sessions.create({ userId: 'ada' });
    const socket = await other.connect(token);
    await socket.ask('who');
    for (const proxy of backend.listening) proxy.refuse();
    await one.sessions.revoke(session.id);
    expect(socket.isClosed).toBe(false);
    expect(await socket.ask('who')).toEqual({ event: 'exception', data: REFUSED });
    expect(await socket.closed).toBe(4401);
  });

  it('are closed by the periodic check when no signal arrives', async () => {
    const [one, other] = await start('200ms');
    const { token, session } = await one.sessions.create({ userId: 'ada' });
    const kept = await one.sessions.create({ userId: 'ada' });
    const [socket, staying] = [await other.connect(token), await other.connect(kept.token)];
    await Promise.all([socket.ask('who'), staying.ask('who')]);
    for (const proxy of backend.listening) proxy.refuse();
    await one.sessions.revoke(session.id);
    expect(await socket.next()).toEqual({ event: 'exception', data: REFUSED });
    expect(await socket.closed).toBe(4401);
    expect((await staying.ask('who')).event).toBe('you');
  });

  it('are checked at once when signals come back, for those that were missed', async () => {
    const [one, other] = await start('1h');
    const { token, session } = await one.sessions.create({ userId: 'ada' });
    const socket = await other.connect(token);
    await socket.ask('who');
    for (const proxy of backend.listening) proxy.refuse();
    await one.sessions.revoke(session.id);
    for (const proxy of backend.listening) proxy.accept();
    expect(await socket.closed).toBe(4401);
  });
});
