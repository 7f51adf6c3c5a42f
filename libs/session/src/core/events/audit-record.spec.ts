import { describe, expect, it } from '@jest/globals';
import { toAuditRecord } from './audit-record.js';

const ID = '0190b6d0-0000-8000-8000-00000000000a';

describe('toAuditRecord', () => {
  it('makes one line that no client can break or colour (ASVS 16.4.1)', () => {
    const hostile = 'Mozilla/5.0\r\n{"event":"session.created"}\u001b[31m\u009b2J\u2028end';
    const event = { at: new Date(0), id: ID, reason: 'ended', isTokenProven: true, ipAddress: '203.0.113.7' } as const;
    const record = toAuditRecord('used-after-end', { ...event, userAgent: hostile + 'x'.repeat(10_000) });
    expect(record.userAgent).toHaveLength(512);
    // eslint-disable-next-line no-control-regex -- that is what is looked for
    expect(Object.values(record).join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(JSON.stringify(record).split(/[\r\n]/)).toHaveLength(1);
  });

  it('cleans what a foreign page and an application chose too', () => {
    const record = toAuditRecord('csrf-rejected', {
      at: new Date(0),
      refusal: 'foreign-origin',
      isEnforced: true,
      method: 'POST',
      origin: 'https://evil.example\r\nforged',
      secFetchSite: null,
      ipAddress: null,
      userAgent: null,
    });
    expect(record).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      event: 'session.csrf_rejected',
      owasp: null,
      level: 'warn',
      sessionId: null,
      userId: null,
      ipAddress: null,
      userAgent: null,
      reason: 'foreign-origin',
      actor: null,
      isEnforced: true,
      method: 'POST',
      origin: 'https://evil.example forged',
      secFetchSite: null,
    });
    const ended = { id: ID, userId: 'a\nb', endedAt: new Date(0), endReason: 'admin', endedBy: 'op\u001b[2J' } as const;
    expect(toAuditRecord('ended', ended)).toMatchObject({ userId: 'a b', actor: 'op [2J', reason: 'admin' });
  });

  it('names a sign-out and any other end as the OWASP vocabulary does', () => {
    const ended = { id: ID, userId: 'ada', endedAt: new Date(0), endedBy: null };
    expect(toAuditRecord('ended', { ...ended, endReason: 'logout' }).owasp).toBe('session_logout');
    expect(toAuditRecord('ended', { ...ended, endReason: 'reuse' }).owasp).toBe('session_expired');
  });

  it('says the end of an outage more quietly than its beginning', () => {
    const outage = { at: new Date(0), store: 'redis', ipAddress: null, userAgent: null };
    expect(toAuditRecord('store-unavailable', { ...outage, state: 'unavailable', lastedMs: null }).level).toBe('warn');
    expect(toAuditRecord('store-unavailable', { ...outage, state: 'recovered', lastedMs: 5 }).level).toBe('info');
  });
});
