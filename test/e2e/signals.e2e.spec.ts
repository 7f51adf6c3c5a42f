import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { toAuditRecord, type AuditRecord } from 'nest-sessions';
import { createSessionId, sessionIdBytes } from '#src/core/session/session-id.js';
import type { SuspiciousTokens } from '#src/core/service/suspicious-tokens.js';
import { SESSION_CORE } from '#src/nest/options/session.constants.js';
import { openPostgres, type E2eStore } from './support/e2e-stores.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

/** What Node lets through of it: a C1 control that begins a terminal's command. */
const HOSTILE_AGENT = 'Mozilla/5.0 \u009b31mforged\u009b2J';

const guess = () => Buffer.concat([sessionIdBytes(createSessionId(null)), randomBytes(32)]).toString('base64url');

describe.each(ADAPTERS)('security events on %s', (adapter) => {
  let backend: E2eStore;
  let app: TestApp;
  const told: unknown[] = [];
  const records: AuditRecord[] = [];

  beforeAll(async () => {
    backend = await openPostgres();
    app = await startTestApp({
      adapter,
      options: { store: backend.definition, maxSessionsPerUser: 2, rotation: { every: '1h' } },
    });
    app.sessions.events.onAny((name, event) => {
      told.push([name, event]);
      records.push(toAuditRecord(name, event));
    });
  });
  afterAll(async () => {
    await app.close();
    await backend.close();
  });
  beforeEach(() => {
    told.length = 0;
    records.length = 0;
  });

  const get = (path: string, cookie: string, headers = {}) =>
    app.client.send({ path, headers, cookies: [`__Host-session=${cookie}`] });
  const namesOf = () => records.map(({ event }) => event);

  it('tell of 10,000 guessed tokens by one event of their address, and of none one by one', async () => {
    const answers = await Promise.all(Array.from({ length: 10_000 }, () => get('/maybe', guess())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(records).toEqual([]);
    app.nest.get<{ suspiciousTokens: SuspiciousTokens }>(SESSION_CORE, { strict: false }).suspiciousTokens.flush();
    expect(records).toMatchObject([{ event: 'session.unknown_token', ipAddress: '127.0.0.1', count: 10_000 }]);
  });

  it('tell of a token that is used after its session ended, once for its address', async () => {
    const { session, token } = await app.sessions.create({ userId: 'ada' });
    await app.sessions.revoke(session.id, { reason: 'logout', endedBy: 'ada' });
    records.length = 0;
    for (let n = 0; n < 3; n++) expect((await get('/me', token, { 'user-agent': HOSTILE_AGENT })).status).toBe(401);
    expect(records).toMatchObject([
      {
        event: 'session.use_after_end',
        owasp: 'session_use_after_expire',
        level: 'critical',
        sessionId: session.id,
        reason: 'ended',
        isTokenProven: false,
        ipAddress: '127.0.0.1',

        userAgent: expect.not.stringContaining('\u009b'),
      },
    ]);
  });

  it('tell of cookies that contradict each other, of a limit met, and of a step-up', async () => {
    expect((await get('/maybe', `${guess()}; __Host-session=${guess()}`)).status).toBe(200);
    expect(records).toMatchObject([{ event: 'session.cookie_ambiguous', reason: 'two cookies' }]);
    const userId = 'limited';
    for (let n = 0; n < 3; n++) await app.sessions.create({ userId });
    const exceeded = records.filter(({ event }) => event === 'session.limit_exceeded');
    expect(exceeded).toMatchObject([{ userId, max: 2, reason: 'evicted', level: 'warn' }]);
    const { token } = await app.sessions.create({ userId: 'bob', awaitsSecondFactor: true });
    records.length = 0;
    expect((await get('/me', token)).status).toBe(401);
    expect(records).toMatchObject([
      { event: 'session.stepup_required', reason: 'second_factor_required', userId: 'bob' },
    ]);
  });

  it('tell of an outage once', async () => {
    app.store.breakDown('find');
    const { token } = await app.sessions.create({ userId: 'eve' });
    records.length = 0;
    for (let n = 0; n < 5; n++) expect((await get('/me', token)).status).toBe(503);
    app.store.recover();
    expect(records).toMatchObject([{ event: 'store.unavailable', reason: 'unavailable', level: 'warn' }]);
  });

  it('never hold a token, a hash of one, a cookie or a CSRF token', async () => {
    const browser = app.openBrowser();
    const tokens = [guess()];
    const keep = () => void tokens.push(browser.token);
    await get('/me', String(tokens[0]));
    await browser.post('/sign-in', { userId: 'carol', device: 'laptop' });
    keep();
    await browser.post('/reauthenticate');
    keep();
    await browser.post('/rotate');
    keep();
    await browser.post('/sign-in', { userId: 'carol' });
    keep();
    await browser.post('/sign-out');
    for (const token of tokens) await get('/me', token);
    await get('/me', `${tokens[1]}; __Host-session=${tokens[2]}`);
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    await app.client.send({
      method: 'POST',
      path: '/note',
      headers: foreign,
      cookies: [`__Host-session=${tokens[3]}`],
    });
    const happened = ['session.created', 'session.reauthenticated', 'session.rotated', 'session.ended'];
    const noticed = ['session.use_after_end', 'session.cookie_ambiguous', 'session.csrf_rejected'];
    expect(namesOf()).toEqual(expect.arrayContaining([...happened, ...noticed]));
    const everything = JSON.stringify([told, records]);
    for (const token of tokens) {
      const secret = Buffer.from(token, 'base64url').subarray(16);
      const hash = createHash('sha256').update(secret).digest();
      for (const bytes of [secret, hash]) {
        for (const form of ['hex', 'base64', 'base64url'] as const)
          expect(everything).not.toContain(bytes.toString(form));
        expect(everything).not.toContain([...bytes].join(','));
      }
      expect(everything).not.toContain(token.slice(24));
    }
    for (const record of records)
      for (const value of Object.values(record)) expect(typeof value === 'object').toBe(value === null);
  });
});
