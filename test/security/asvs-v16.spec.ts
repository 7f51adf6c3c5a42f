import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Post, UseGuards } from '@nestjs/common';
import { createHash, randomBytes } from 'node:crypto';
import { memoryStore, RequireFreshSession, SessionGuard, toAuditRecord, type AuditRecord } from 'nest-sessions';
import { FakeClock } from 'nest-sessions/testing';
import { createSessionId, sessionIdBytes } from '#src/core/session/session-id.js';
import type { SuspiciousTokens } from '#src/core/service/suspicious-tokens.js';
import { SESSION_CORE } from '#src/nest/options/session.constants.js';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const START = new Date('2026-03-29T00:59:30.250Z');
const CROSS_SITE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };

const guess = () => Buffer.concat([sessionIdBytes(createSessionId(null)), randomBytes(32)]).toString('base64url');

@UseGuards(SessionGuard)
@Controller('vault')
class VaultController {
  @RequireFreshSession('10m')
  @Post('open')
  open() {
    return { opened: true };
  }
}

describe.each(ADAPTERS)('ASVS 5.0 V16, logs, on %s', (adapter) => {
  const apps: TestApp[] = [];

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  /** An application that logs every event as a line of JSON, as the documentation says. */
  const start = async (options: TestAppSettings['options'] = {}) => {
    const clock = new FakeClock(START);
    const store = memoryStore({ now: clock.now });
    const controllers = [AccountController, VaultController];
    const app = await startTestApp({ adapter, options: { store, ...options }, controllers });
    apps.push(app);
    const lines: string[] = [];
    app.sessions.events.onAny((name, event) => void lines.push(JSON.stringify(toAuditRecord(name, event))));
    const records = () => lines.map((line) => JSON.parse(line) as AuditRecord);
    const { suspiciousTokens } = app.nest.get<{ suspiciousTokens: SuspiciousTokens }>(SESSION_CORE, { strict: false });
    return { app, clock, lines, records, eventsOf: () => records().map(({ event }) => event), suspiciousTokens };
  };

  const send = (app: TestApp, path: string, token: string, headers: Record<string, string> = {}, method = 'GET') =>
    app.client.send({
      method,
      path,
      headers,
      cookies: [`__Host-session=${token}`],
      ...(method === 'POST' && { body: {} }),
    });

  it('V16.2.1 says of every event what happened, when, to whom and from where', async () => {
    const { app, clock, records } = await start();
    const headers = { 'User-Agent': 'Firefox/145.0' };
    await app.client.send({ method: 'POST', path: '/sign-in', headers, body: { userId: 'ada', amr: ['pwd'] } });
    const [session] = await app.sessions.listByUser('ada');
    const { token } = await app.sessions.create({ userId: 'ada', ipAddress: '127.0.0.1', userAgent: 'Firefox/145.0' });
    clock.advance(11 * MINUTE_MS);
    await send(app, '/vault/open', token, headers, 'POST');
    await send(app, '/note', token, { ...headers, ...CROSS_SITE }, 'POST');
    await send(app, '/me', `${token}; __Host-session=${guess()}`, headers);
    expect(records()).toHaveLength(5);
    for (const record of records()) {
      expect(record).toMatchObject({ ipAddress: '127.0.0.1', userAgent: 'Firefox/145.0' });
      expect([typeof record.event, record.level]).toEqual(['string', expect.stringMatching(/^(info|warn|critical)$/)]);
    }
    expect(records()[0]).toMatchObject({ event: 'session.created', sessionId: session?.id, userId: 'ada', amr: 'pwd' });
    expect(records()[2]).toMatchObject({ event: 'session.stepup_required', userId: 'ada' });
  });

  it('V16.2.2 gives every event its time in UTC, by the store’s clock where it is of a session', async () => {
    const zone = process.env.TZ;
    process.env.TZ = 'Pacific/Apia';
    try {
      const { app, clock, records } = await start();
      const { token, session } = await app.sessions.create({ userId: 'ada' });
      await send(app, '/note', token, CROSS_SITE, 'POST');
      clock.advance(1500);
      await app.sessions.revoke(session.id, { reason: 'admin' });
      expect(records().map(({ at }) => at)).toEqual([
        '2026-03-29T00:59:30.250Z',
        expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        '2026-03-29T00:59:31.750Z',
      ]);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it('V16.2.5 names no token and no hash of one in any log line, event or answer', async () => {
    const { app, clock, lines } = await start({ rotation: { every: '15m' }, idleTimeout: '1h' });
    const browser = app.openBrowser();
    const tokens = new Set<string>();
    const told: string[] = [];
    const visit = async (method: string, path: string, body?: object) => {
      const { text, headers } = await browser.send(method, path, body);
      told.push(text, JSON.stringify({ ...headers, 'set-cookie': undefined }));
      const token = browser.jar.get('__Host-session');
      if (token !== undefined) tokens.add(token);
    };
    for (const path of ['/sign-in', '/reauthenticate', '/note']) await visit('POST', path, { userId: 'ada' });
    clock.advance(16 * MINUTE_MS);
    await visit('GET', '/me');
    await visit('GET', '/me');
    for (const kind of ['unavailable', 'limit', 'too-large', 'conflict', 'other']) await visit('GET', `/fail/${kind}`);
    const forged = guess();
    for (const token of [...tokens, forged]) {
      await send(app, `/me?__Host-session=${token}`, token);
      await send(app, '/note', token, CROSS_SITE, 'POST');
      await send(app, '/me', `${token}; __Host-session=${guess()}`);
    }
    app.store.breakDown();
    await visit('GET', '/me');
    app.store.recover();
    await visit('POST', '/sign-out', {});
    expect(tokens.size).toBe(3);
    const everything = [...told, ...lines, ...app.log].join('\n');
    for (const token of [...tokens, forged]) {
      expect(everything).not.toContain(token.slice(24));
      const secret = Buffer.from(token, 'base64url').subarray(16);
      const hash = createHash('sha256').update(secret).digest();
      for (const bytes of [secret, hash]) {
        for (const form of ['hex', 'base64', 'base64url'] as const) {
          expect(everything).not.toContain(bytes.toString(form));
        }
      }
    }
  });

  it('V16.3.1 tells of every sign-in with its methods, step-up, sign-out and token that proves nothing', async () => {
    const { app, records, suspiciousTokens } = await start();
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada', amr: ['pwd'] });
    await browser.post('/reauthenticate');
    await browser.post('/sign-out');
    await send(app, '/me', guess());
    suspiciousTokens.flush();
    expect(records()).toMatchObject([
      { event: 'session.created', owasp: 'session_created', userId: 'ada', amr: 'pwd' },
      { event: 'session.reauthenticated', userId: 'ada', amr: 'pwd otp', assuranceLevel: 'aal2' },
      { event: 'session.ended', owasp: 'session_logout', userId: 'ada', reason: 'logout', actor: 'ada' },
      { event: 'session.unknown_token', count: 1, unknown: 1 },
    ]);
  });

  it('V16.3.2 tells of a session that was not good enough for what it asked for', async () => {
    const { app, clock, records } = await start();
    const pending = await app.sessions.create({ userId: 'ada', amr: ['pwd'], awaitsSecondFactor: true });
    const old = await app.sessions.create({ userId: 'ada' });
    expect((await send(app, '/me', pending.token)).status).toBe(401);
    clock.advance(11 * MINUTE_MS);
    expect((await send(app, '/vault/open', old.token, {}, 'POST')).status).toBe(401);
    expect(records().slice(2)).toMatchObject([
      { event: 'session.stepup_required', reason: 'second_factor_required', sessionId: pending.session.id },
      {
        event: 'session.stepup_required',
        reason: 'reauth_required',
        sessionId: old.session.id,
        ipAddress: '127.0.0.1',
      },
    ]);
  });

  it('V16.3.3 tells of every attempt to get round the checks', async () => {
    const { app, clock, eventsOf, suspiciousTokens } = await start({
      rotation: { every: '15m' },
      idleTimeout: '3h',
      resourceIsolation: true,
      maxSessionsPerUser: 1,
    });
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    const stolen = browser.token;
    await send(app, '/note', stolen, CROSS_SITE, 'POST');
    await send(app, '/me', stolen, {
      'Sec-Fetch-Site': 'cross-site',
      'Sec-Fetch-Mode': 'no-cors',
      'Sec-Fetch-Dest': 'image',
    });
    await send(app, '/me', `${stolen}; __Host-session=${guess()}`);
    await send(app, '/me', guess());
    await app.openBrowser().post('/sign-in', { userId: 'ada' });
    const other = app.openBrowser();
    await other.post('/sign-in', { userId: 'grace' });
    const old = other.token;
    clock.advance(16 * MINUTE_MS);
    for (let times = 0; times < 2; times++) await other.get('/me');
    clock.advance(16 * MINUTE_MS);
    expect((await send(app, '/me', old)).status).toBe(401);
    await app.sessions.create({ userId: 'joan' });
    const expiring = await app.sessions.create({ userId: 'expiring' });
    clock.advance(4 * 60 * MINUTE_MS);
    expect((await send(app, '/me', expiring.token)).status).toBe(401);
    suspiciousTokens.flush();
    expect(new Set(eventsOf())).toEqual(
      new Set([
        'session.created',
        'session.csrf_rejected',
        'session.isolation_rejected',
        'session.cookie_ambiguous',
        'session.limit_exceeded',
        'session.ended',
        'session.rotated',
        'session.reuse_detected',
        'session.use_after_end',
        'session.unknown_token',
      ]),
    );
  });

  it('V16.4.1 lets no client forge a line of the log or command a terminal that shows it', async () => {
    const { app, lines } = await start();
    // As bytes: Node sends no control character but lets 0x80 to 0xff through, and JSON bodies hold everything.
    const hostile = '\u009b31m\u0085{"event":"session.created"}';
    const text = '\n{"event":"session.created","level":"info"}\u001b[2J\u2028';
    const headers = { 'User-Agent': hostile, ...CROSS_SITE, Origin: hostile };
    const body = { userId: 'ada', device: text };
    await app.client.send({ method: 'POST', path: '/sign-in', headers: { 'User-Agent': hostile }, body });
    await app.client.send({ method: 'POST', path: '/note', headers, body });
    const [session] = await app.sessions.listByUser('ada');
    await app.sessions.revoke(session?.id ?? '', { endedBy: text });
    expect(lines).toHaveLength(3);
    for (const line of [...lines, ...app.log]) {
      // eslint-disable-next-line no-control-regex -- that is what is looked for
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }
    for (const line of lines) expect(line).not.toMatch(/\\u00[0189]|\\[nr]/);
  });
});
