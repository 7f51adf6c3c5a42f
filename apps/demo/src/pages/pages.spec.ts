import { describe, expect, it } from '@jest/globals';
import { landingFor, landingNamed, landingPath } from './landing-pages.js';
import { describeMoment } from './moment.js';
import { findNotice } from './notices.js';
import { requestPath } from './page-request.js';

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
    '/sessions',
    'constructor',
    ['sessions'],
    undefined,
  ])('the name %j leads to the account page', (name) => {
    expect(landingPath(landingNamed(name))).toBe('/');
  });

  it('a name of ours leads to our page', () => {
    expect(landingPath(landingNamed('sessions'))).toBe('/sessions');
    expect(landingFor('/sessions/x/sign-out')).toBe('sessions');
    expect(landingFor('/')).toBe('account');
  });

  it.each([
    ['/sessions/sign-out-others', '/sessions/sign-out-others'],
    ['/sessions/?notice=signed-out', '/sessions'],
    ['//evil.example/sessions', '/evil.example/sessions'],
    ['http://evil.example//sessions/', '/sessions'],
    ['/', '/'],
  ])('the path of %s is %s, never another host', (url, path) => {
    expect(requestPath(url)).toBe(path);
  });
});

describe('notices', () => {
  it('are ours, whatever the address says', () => {
    expect(findNotice('signed-out')).toBe('You are signed out.');
    for (const key of ['<b>', 'toString', '__proto__', ['signed-out'], undefined])
      expect(findNotice(key)).toBeUndefined();
  });
});
