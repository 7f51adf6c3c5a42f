import { afterEach, describe, expect, it } from '@jest/globals';
import { APP_GUARD } from '@nestjs/core';
import { memoryStore, SessionGuard } from 'nest-sessions';
import { waitUntil } from '../support/poll.js';
import {
  BareGateway,
  LazyGateway,
  startSocketApp,
  type SocketApp,
  type SocketAppSettings,
} from './support/socket-app.js';
import { closeWithinASecond, SOCKET_LIBRARIES, type SocketLibrary } from './support/test-sockets.js';

const REFUSED = { status: 'error', statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' };
const CLOSED: Record<SocketLibrary, number | string> = { ws: 4401, 'socket.io': 'io server disconnect' };

describe.each(SOCKET_LIBRARIES)('SessionGuard before gateways of %s (nestjs/nest#882)', (library) => {
  const apps: SocketApp[] = [];

  const start = async (settings: Partial<SocketAppSettings> = {}) => {
    const app = await startSocketApp({ library, ...settings });
    apps.push(app);
    return app;
  };

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  it('lets clients with a live session in and hands their session to handlers', async () => {
    const app = await start();
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    const you = { event: 'you', data: { id: session.id, userId: 'ada' } };
    expect(await socket.ask('who')).toEqual(you);
    expect(await socket.ask('fresh')).toEqual(you);
    expect(await socket.ask('cart')).toEqual(you);
    expect(await socket.ask('open')).toEqual({ event: 'opened', data: {} });
  });

  it.each([
    ['no cookie', () => undefined],
    ['garbage', () => 'garbage'],
    ['an unknown token', () => 'A'.repeat(64)],
  ])('closes clients with %s at the connection, and nothing is stored (I10)', async (_what, tokenOf) => {
    const app = await start();
    const socket = await app.connect(tokenOf());
    expect(await socket.next()).toEqual({ event: 'exception', data: REFUSED });
    expect(await closeWithinASecond(socket)).toBe(CLOSED[library]);
    expect(app.store.calls.filter((call) => call !== 'start' && call !== 'find')).toEqual([]);
  });

  it('refuses pages of other sites at the handshake, whatever cookie comes with it (ASVS 4.4.2)', async () => {
    const app = await start({ options: { origins: { public: ['https://app.example.com', 'capacitor://localhost'] } } });
    const { token } = await app.sessions.create({ userId: 'ada' });
    app.store.calls.length = 0;
    const refused = { status: 'error', statusCode: 403, error: 'origin_not_allowed', message: 'Forbidden' };
    const foreign: Record<string, string>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: 'ionic://localhost' },
      { origin: 'http://127.0.0.1:1' },
      { origin: 'https://app.example.com.evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const socket = await app.connect(token, headers);
      expect(await socket.next()).toEqual({ event: 'exception', data: refused });
      expect(await socket.closed).toBe(library === 'ws' ? 4403 : 'io server disconnect');
    }
    expect(app.store.calls).toEqual([]);
    for (const origin of ['https://app.example.com', 'capacitor://localhost', await app.nest.getUrl()]) {
      const socket = await app.connect(token, { origin });
      expect((await socket.ask('who')).event).toBe('you');
    }
  });

  it('refuses clients that tell no origin where every client is a browser', async () => {
    const app = await start({ options: { origins: { onMissing: 'reject' } } });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    expect((await socket.next()).data).toMatchObject({ statusCode: 403 });
    expect(await (await app.connect(token, { origin: await app.nest.getUrl() })).ask('who')).toMatchObject({
      event: 'you',
    });
  });

  it('tells a client what is missing by the same bodies as over HTTP, and keeps it', async () => {
    const app = await start();
    const anonymous = await app.sessions.create({ userId: null });
    const socket = await app.connect(anonymous.token);
    expect(await socket.ask('cart')).toMatchObject({ event: 'you', data: { userId: null } });
    expect(await socket.ask('who')).toEqual({ event: 'exception', data: REFUSED });
    expect(await socket.ask('cart')).toMatchObject({ event: 'you' });
  });

  it('demands a fresh session of a user whose sign-in is long ago', async () => {
    let now = new Date();
    const app = await start({ store: memoryStore({ now: () => now }) });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    now = new Date(now.getTime() + 11 * 60_000);
    expect(await socket.ask('fresh')).toEqual({
      event: 'exception',
      data: {
        status: 'error',
        statusCode: 401,
        error: 'reauth_required',
        message: 'Recent authentication required',
        maxAgeSeconds: 600,
      },
    });
    expect((await socket.ask('who')).event).toBe('you');
  });

  it('keeps clients whose token was rotated since: their cookie is old, their session is not', async () => {
    const app = await start({ sockets: { recheckInterval: '100ms' } });
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    expect((await socket.ask('who')).event).toBe('you');
    expect(await app.sessions.rotate(token)).toMatchObject({ rotated: true });
    const finds = app.store.count('find');
    await waitUntil('two periodic checks were made', async () => app.store.count('find') > finds + 1);
    expect(await socket.ask('who')).toEqual({ event: 'you', data: { id: session.id, userId: 'ada' } });
    const late = await app.connect(token);
    expect(await late.next()).toEqual({ event: 'exception', data: REFUSED });
  });

  it('counts messages as activity, but not those of @NoTouch() handlers, and closes a client whose session expired', async () => {
    let now = new Date();
    const app = await start({ store: memoryStore({ now: () => now }), sockets: { recheckInterval: '100ms' } });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    const pass = (minutes: number) => (now = new Date(now.getTime() + minutes * 60_000));
    await socket.ask('who');
    pass(20);
    await socket.ask('poll');
    expect(app.store.count('touch')).toBe(0);
    await socket.ask('who');
    await waitUntil('the touch was sent', async () => app.store.count('touch') === 1);
    pass(20);
    expect((await socket.ask('poll')).event).toBe('you');
    pass(20);
    expect(await socket.next()).toEqual({ event: 'exception', data: REFUSED });
    expect(await socket.closed).toBe(CLOSED[library]);
  });

  it('refuses messages while the store does not answer, and keeps the client: an outage signs nobody out (I8)', async () => {
    const app = await start({ sockets: { recheckInterval: '100ms' } });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    expect((await socket.ask('who')).event).toBe('you');
    app.store.breakDown('find');
    const finds = app.store.count('find');
    expect(await socket.ask('who')).toEqual({
      event: 'exception',
      data: { status: 'error', statusCode: 503, error: 'sessions_unavailable', message: 'Service Unavailable' },
    });
    await waitUntil('the periodic check failed twice', async () => app.store.count('find') > finds + 2);
    app.store.recover();
    expect((await socket.ask('who')).event).toBe('you');

    app.store.breakDown('find');
    const late = await app.connect(token);
    expect((await late.next()).data).toMatchObject({ statusCode: 503 });
    expect(await late.closed).toBe(library === 'ws' ? 1013 : 'io server disconnect');
  });

  it('makes messages wait that come before the handshake is authenticated', async () => {
    const app = await start();
    const { token } = await app.sessions.create({ userId: 'ada' });
    let letPass = () => {};
    const gate = new Promise<void>((resolve) => (letPass = resolve));
    app.store.before = (method) => (method === 'find' ? gate : undefined);
    const socket = await app.connect(token);
    socket.send('who');
    const stranger = await app.connect('A'.repeat(64));
    stranger.send('who');
    letPass();
    expect((await socket.next()).event).toBe('you');
    expect(await stranger.next()).toEqual({ event: 'exception', data: REFUSED });
    expect(await stranger.closed).toBe(CLOSED[library]);
  });

  it('forgets clients that left, also those that left before their handshake was authenticated', async () => {
    const app = await start({ sockets: { recheckInterval: '100ms' } });
    const { token } = await app.sessions.create({ userId: 'ada' });
    let letPass = () => {};
    const gate = new Promise<void>((resolve) => (letPass = resolve));
    app.store.before = (method) => (method === 'find' ? gate : undefined);
    const hasty = await app.connect(token);
    await waitUntil('the handshake is being looked at', async () => app.store.count('find') === 1);
    hasty.close();
    await hasty.closed;
    letPass();
    const { OpenConnections } = await import('#src/nest/connections/open-connections.js');
    const connections = app.nest.get(OpenConnections, { strict: false });
    const [first, second] = [await app.connect(token), await app.connect(token)];
    for (const { event } of await Promise.all([first.ask('who'), second.ask('who')])) expect(event).toBe('you');
    await waitUntil('only those who stayed are held', async () => connections.size === 2);
    first.close();
    second.close();
    await waitUntil('nobody is held', async () => connections.size === 0);
  });

  it('closes a client whose session ended while its handshake was looked at', async () => {
    let letPass = () => {};
    const gate = new Promise<void>((resolve) => (letPass = resolve));
    let found = 0;
    const inner = memoryStore();
    const app = await start({
      sockets: { recheckInterval: '1h' },
      store: {
        ...inner,
        create: async (context) => {
          const store = await inner.create(context);
          const find: typeof store.find = async (id) => {
            const outcome = await store.find(id);
            found += 1;
            await gate;
            return outcome;
          };
          return new Proxy(store, { get: (target, name) => (name === 'find' ? find : Reflect.get(target, name)) });
        },
      },
    });
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    await waitUntil('the session was found live', async () => found === 1);
    expect(await app.sessions.revoke(session.id)).toBe(true);
    letPass();
    expect(await closeWithinASecond(socket)).toBe(CLOSED[library]);
  });

  it('closes clients as soon as their session ends here, and nobody else’s', async () => {
    const app = await start({ sockets: { recheckInterval: '1h' } });
    const [one, two] = [await app.sessions.create({ userId: 'ada' }), await app.sessions.create({ userId: 'ada' })];
    const sockets = [await app.connect(one.token), await app.connect(one.token), await app.connect(two.token)] as const;
    await Promise.all(sockets.map((socket) => socket.ask('who')));
    await app.sessions.revoke(one.session.id, { reason: 'logout' });
    expect(await closeWithinASecond(sockets[0])).toBe(CLOSED[library]);
    expect(await closeWithinASecond(sockets[1])).toBe(CLOSED[library]);
    expect((await sockets[2].ask('who')).event).toBe('you');
    expect(sockets[2].isClosed).toBe(false);
  });
});

describe('SessionGuard as APP_GUARD', () => {
  it.each(SOCKET_LIBRARIES)('guards gateways of %s too', async (library) => {
    const app = await startSocketApp({
      library,
      gateway: BareGateway,
      providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
    });
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    expect((await socket.ask('who')).event).toBe('you');
    app.store.store.revoke({ id: session.id, reason: 'admin', endedBy: null }).catch(() => undefined);
    expect(await socket.ask('who')).toEqual({ event: 'exception', data: REFUSED });
    await app.close();
  });
});

describe('gateways that accept nobody', () => {
  it('of socket.io authenticate at the first message, and close who has no session or came from elsewhere', async () => {
    const app = await startSocketApp({ library: 'socket.io', gateway: LazyGateway });
    const { token } = await app.sessions.create({ userId: 'ada' });
    expect((await (await app.connect(token)).ask('who')).event).toBe('you');
    for (const socket of [await app.connect(undefined), await app.connect(token, { origin: 'https://evil.example' })]) {
      socket.send('who');
      expect(await closeWithinASecond(socket)).toBe('io server disconnect');
    }
    await app.close();
  });

  it('of ws are refused: nobody knows their handshake', async () => {
    const app = await startSocketApp({ library: 'ws', gateway: LazyGateway });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const socket = await app.connect(token);
    expect(await socket.ask('who')).toMatchObject({ event: 'exception', data: { message: 'Internal server error' } });
    expect(app.log.join('\n')).toContain('call SessionSockets.accept(client, request) there');
    await app.close();
  });
});
