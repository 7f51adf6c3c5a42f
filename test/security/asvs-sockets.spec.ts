import { afterEach, describe, expect, it } from '@jest/globals';
import { ADAPTERS } from '../e2e/support/test-app.js';
import { startSocketApp, type SocketApp } from '../e2e/support/socket-app.js';
import { closeWithinASecond, SOCKET_LIBRARIES, TestSocket, type SocketLibrary } from '../e2e/support/test-sockets.js';

const CASES = ADAPTERS.flatMap((adapter) => SOCKET_LIBRARIES.map((library) => ({ adapter, library })));
const CLOSED: Record<SocketLibrary, number | string> = { ws: 4401, 'socket.io': 'io server disconnect' };

describe.each(CASES)('ASVS 5.0 V4.4, sockets of $library on $adapter', ({ adapter, library }) => {
  const apps: SocketApp[] = [];

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  const start = async () => {
    const app = await startSocketApp({ adapter, library });
    apps.push(app);
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    return { app, browser, own: { origin: await app.nest.getUrl() } };
  };

  it('V4.4.2 opens no socket for a page of another origin, whose handshake has the cookie', async () => {
    const { app, browser, own } = await start();
    const calls = app.store.calls.length;
    for (const origin of [
      'https://evil.example',
      'null',
      `${own.origin}.evil.example`,
      own.origin.replace(/\d+$/, '1'),
    ]) {
      const socket = await app.connect(browser.token, { origin });
      expect([origin, (await socket.ask('who')).data]).toMatchObject([origin, { error: 'origin_not_allowed' }]);
      await socket.closed;
    }
    expect(app.store.calls.length).toBe(calls);
    expect(await (await app.connect(browser.token, own)).ask('who')).toMatchObject({ data: { userId: 'ada' } });
  });

  it('V4.4.3 ends an open socket with its session, and lets no new one be opened by its token', async () => {
    const { app, browser, own } = await start();
    const { token } = browser;
    const socket = await app.connect(token, own);
    expect((await socket.ask('who')).event).toBe('you');
    await browser.post('/sign-out');
    expect(await closeWithinASecond(socket)).toBe(CLOSED[library]);
    const again = await app.connect(token, own);
    expect((await again.ask('who')).data).toMatchObject({ error: 'unauthenticated' });
    expect(await again.closed).toBe(CLOSED[library]);
  });

  it('V4.4.4 takes the session of the handshake’s cookie, and none that an address or a message names', async () => {
    const { app, browser, own } = await start();
    const { token } = browser;
    const query = `token=${token}&session=${token}&__Host-session=${token}`;
    const stranger = await TestSocket.open({ library, url: `${own.origin}/?${query}`, headers: own });
    expect((await stranger.ask('who')).data).toMatchObject({ error: 'unauthenticated' });
    await stranger.closed;
    const { token: anonymous } = await app.sessions.create({ userId: null });
    const socket = await app.connect(anonymous, own);
    const claim = { token, cookie: `__Host-session=${token}`, userId: 'ada' };
    expect((await socket.ask('who', claim)).data).toMatchObject({ error: 'unauthenticated' });
    expect((await socket.ask('cart', claim)).data).toMatchObject({ userId: null });
  });
});
