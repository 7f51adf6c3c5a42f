import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { describeMoment } from './moment.js';
import { findNotice } from './notices.js';
import { OutageLog } from './outage-log.js';
import { requestPath } from './page-request.js';
import { problemPage } from './problem-pages.js';
import { pageForRefusal, missingFromBody } from './refusal-pages.js';
import { readReturnPath, returnPathOf, returnPathOfForm } from './return-path.js';

const NOW = new Date('2026-11-23T14:05:09Z');

describe('an instant in words', () => {
  it.each([
    ['2026-11-23T14:05:09Z', 'just now'],
    ['2026-11-23T14:04:10Z', 'just now'],
    ['2026-11-23T14:05:40Z', 'just now'],
    ['2026-11-23T14:04:09Z', '1 minute ago'],
    ['2026-11-23T14:01:10Z', '3 minutes ago'],
    ['2026-11-23T12:05:10Z', '1 hour ago'],
    ['2026-11-22T14:05:09Z', '1 day ago'],
    ['2026-10-01T00:00:00Z', '53 days ago'],
    ['2026-11-24T01:05:09Z', 'in 11 hours'],
  ])('%s is "%s"', (at, words) => {
    expect(describeMoment(new Date(at), NOW).words).toBe(words);
  });

  it('has the exact time in UTC, for people and for machines', () => {
    expect(describeMoment(NOW, NOW)).toEqual({
      words: 'just now',
      exact: '23 November 2026 at 14:05:09 UTC',
      iso: '2026-11-23T14:05:09.000Z',
    });
  });
});

describe('where requests may lead (ASVS 3.7.2)', () => {
  it.each([
    '//evil.example',
    '/\\evil.example',
    'https:evil.example',
    'sessions',
    ['/sessions'],
    `/${'x'.repeat(200)}`,
    undefined,
  ])('%j leads to the account page', (value) => {
    expect(readReturnPath(value)).toBe('/');
  });

  it('a path of ours leads there', () => {
    expect(readReturnPath('/sessions')).toBe('/sessions');
  });

  it.each([
    ['/sessions?notice=signed-out', '/sessions'],
    ['/confirm?returnTo=%2Faccount%2Fpassword', '/account/password'],
    ['/sign-in/code?returnTo=%2Fsessions&with=code', '/sessions'],
    ['/confirm?returnTo=%2F%2Fevil.example', '/'],
    ['/confirm', '/'],
    ['//evil.example/confirm?returnTo=/sessions', '/evil.example/confirm'],
    ['/', '/'],
  ])('the way back to %s is %s', (url, path) => {
    expect(returnPathOf(url)).toBe(path);
  });

  it.each([
    ['/sessions/x/sign-out', '/sessions'],
    ['/account/password', '/account/password'],
    ['/sign-in/code', '/'],
    ['/account', '/'],
  ])('from a form at %s it is the page %s', (url, path) => {
    expect(returnPathOfForm(url)).toBe(path);
  });

  it.each([
    ['sign-in', '/', '/sign-in'],
    ['sign-in', '/sessions', '/sign-in?returnTo=%2Fsessions'],
    ['second factor', '/sessions', '/sign-in/code?returnTo=%2Fsessions'],
    ['proof', '/account/password', '/confirm?returnTo=%2Faccount%2Fpassword'],
  ] as const)('who is refused for want of a %s on the way to %s is sent to %s', (missing, returnPath, page) => {
    expect(pageForRefusal(missing, returnPath)).toBe(page);
  });

  it('what is missing is read from the body of a 401', () => {
    const bodies = [
      { error: 'reauth_required' },
      { error: 'reauth_required', anomaly: true },
      { error: 'second_factor_required' },
      { error: 'Unauthorized' },
      'x',
      null,
    ];
    expect(bodies.map(missingFromBody)).toEqual(['proof', 'sign-in', 'second factor', 'sign-in', 'sign-in', 'sign-in']);
  });

  it.each([
    ['/sessions/sign-out-others', '/sessions/sign-out-others'],
    ['/sessions/?notice=signed-out', '/sessions'],
    ['//evil.example/sessions', '/evil.example/sessions'],
    ['http://evil.example//sessions/', '/sessions'],
    ['/', '/'],
    ['http://[', '/'],
    ['http://evil.example:99999/sessions', '/'],
  ])('the path of %s is %s, never another host', (url, path) => {
    expect(requestPath(url)).toBe(path);
  });
});

describe('the page for an HTTP status', () => {
  it.each([400, 413, 415, 429])('%d does not say that the fault is ours', (status) => {
    const page = problemPage(status);
    expect(page.status).toBe(status);
    expect(page.model.explanation).toContain('sent in a way that we do not understand');
  });

  it.each([500, 502])('%d does', (status) => {
    expect(problemPage(status).model.explanation).toContain('on our side');
  });
});

describe('the log of an outage', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('is one line in ten seconds, without a stack, and counts the rest', () => {
    const lines = jest.spyOn(Logger.prototype, 'error').mockReturnValue(undefined);
    const now = jest.spyOn(performance, 'now').mockReturnValue(0);
    const log = new OutageLog();
    const refused = new Error('connect ECONNREFUSED\n127.0.0.1:1');
    for (let views = 0; views < 3; views++) log.report(new Error('The database does not answer.', { cause: refused }));
    now.mockReturnValue(10_000);
    log.report(new Error('store gone'));
    expect(lines.mock.calls).toEqual([
      ['The database does not answer. connect ECONNREFUSED 127.0.0.1:1'],
      ['store gone (2 more since the last such line)'],
    ]);
  });
});

describe('notices', () => {
  it('are ours, whatever the address says', () => {
    expect(findNotice('signed-out')).toBe('You are signed out.');
    for (const key of ['<b>', 'toString', '__proto__', ['signed-out'], undefined])
      expect(findNotice(key)).toBeUndefined();
  });
});
