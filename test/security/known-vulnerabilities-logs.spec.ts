import { describe, expect, it, jest } from '@jest/globals';
import { memoryStore } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { LogCapture } from '../e2e/demo/log-capture.js';
import { countOccurring, IssuedTokens } from '../e2e/demo/secrets.js';
import { ADAPTERS, startTestApp, type TestApp } from '../e2e/support/test-app.js';
import type { TestResponse } from '../e2e/support/test-client.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

describe.each(ADAPTERS)('mistakes of other libraries in what they print, looked for on %s', (adapter) => {
  it('CVE-2023-20866 (Spring Session): no token is printed or logged, whatever happens to it', async () => {
    const logs = new LogCapture();
    const printed: string[] = [];
    const print = (...parts: unknown[]) => void printed.push(parts.map(String).join(' '));
    const spies: { mockRestore(): void }[] = [];
    for (const name of ['debug', 'dir', 'error', 'info', 'log', 'trace', 'warn'] as const) {
      spies.push(jest.spyOn(console, name).mockImplementation(print));
    }
    for (const stream of [process.stdout, process.stderr]) {
      const write = (chunk: string | Uint8Array) => (print(Buffer.from(chunk)), true);
      spies.push(jest.spyOn(stream, 'write').mockImplementation(write));
    }
    const issued = new IssuedTokens();
    let app: TestApp | undefined;
    try {
      const clock = new FakeClock();
      app = await startTestApp({
        adapter,
        options: { store: memoryStore({ now: clock.now }), rotation: { every: '5m', grace: '30s' }, bearer: true },
        configure: (nest) => nest.useLogger(logs),
      });
      const told: unknown[] = [];
      app.sessions.events.onAny((event) => void told.push(event));
      for (const answer of await liveThrough(app, clock)) issued.collect(answer.setCookies);
      print(JSON.stringify(told));
    } finally {
      await app?.close();
      for (const spy of spies) spy.mockRestore();
    }
    const text = [...printed, ...logs.lines].join('\n');
    expect(issued.count).toBeGreaterThanOrEqual(6);
    expect(logs.lines.length).toBeGreaterThanOrEqual(7);
    expect(text).toContain('reuse-detected');
    expect(countOccurring(issued.listSecrets(), text)).toBe(0);
    expect(countOccurring(issued.listHashes(), text)).toBe(0);
  });
});

/** Everything that the library logs about: refusals, mistakes, outages, reuse, use after the end. */
async function liveThrough(app: TestApp, clock: FakeClock): Promise<TestResponse[]> {
  const answers: TestResponse[] = [];
  const keep = async (answer: Promise<TestResponse>) => void answers.push(await answer);
  const [browser, other] = [app.openBrowser(), app.openBrowser()];
  for (const one of [browser, other]) await keep(one.post('/sign-in', { userId: 'ada' }));
  for (const path of ['/note', '/rotate', '/reauthenticate']) await keep(browser.post(path, { note: 'x' }));
  const { token } = browser;
  const cookie = `__Host-session=${token}`;
  for (const path of ['/unguarded-mistake', '/fail/limit', '/fail/other', `/nowhere?token=${token}`]) {
    await keep(browser.get(path));
  }
  const strange = [`${cookie}x`, `${cookie}; __Host-session=${other.token}`, `__Host-session="${token}"`];
  for (const one of strange) await keep(app.client.send({ path: '/me', cookies: [one] }));
  const headers = { Authorization: `Bearer ${token}` };
  for (const cookies of [[], [cookie]]) await keep(app.client.send({ path: '/me', cookies, headers }));
  await keep(
    app.client.send({ method: 'POST', path: '/note', cookies: [cookie], headers: { 'Sec-Fetch-Site': 'cross-site' } }),
  );
  app.store.breakDown();
  for (const path of ['/me', '/maybe']) await keep(browser.get(path));
  await keep(browser.clone().post('/sign-out'));
  app.store.recover();
  for (let times = 0; times < 2; times++) {
    clock.advance(5 * MINUTE_MS);
    for (let requests = 0; requests < 2; requests++) await keep(browser.get('/me'));
  }
  clock.advance(MINUTE_MS);
  await keep(app.client.send({ path: '/me', cookies: [cookie] }));
  await keep(other.post('/sign-out'));
  for (const one of [browser, other]) await keep(one.clone().get('/me'));
  return answers;
}
