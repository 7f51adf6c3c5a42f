import { describe, expect, it } from '@jest/globals';
import { checkIsolation } from './resource-isolation.js';

const TRUSTED = 'https://partner.example';

const verdictOf = (site: string | string[] | undefined, mode = '', dest = '', more: Record<string, string> = {}) => {
  const { method = 'GET', ...others } = more;
  const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest, ...others };
  return checkIsolation({ method, headers }, { trusted: new Set([TRUSTED]) }) ?? 'allowed';
};

describe('checkIsolation, the resource isolation policy of Fetch Metadata', () => {
  it.each([
    ['a browser that says nothing, or no browser', undefined, '', ''],
    ['a page of its own', 'same-origin', 'no-cors', 'image'],
    ['a bookmark', 'none', 'navigate', 'document'],
    ['a link of another site', 'cross-site', 'navigate', 'document'],
    ['a link of a sibling', 'same-site', 'navigate', 'document'],
  ])('lets %s in', (_who, site, mode, dest) => {
    expect(verdictOf(site, mode, dest)).toBe('allowed');
  });

  it.each([
    ['cross-site', 'no-cors', 'image'],
    ['cross-site', 'no-cors', 'script'],
    ['cross-site', 'no-cors', 'empty'],
    ['cross-site', 'no-cors', 'document'],
    ['same-site', 'no-cors', 'image'],
    ['cross-site', 'navigate', 'iframe'],
    ['cross-site', 'navigate', 'frame'],
    ['cross-site', 'navigate', 'fencedframe'],
    ['cross-site', 'navigate', 'object'],
    ['cross-site', 'navigate', 'embed'],
    ['cross-site', 'navigate', ''],
    ['cross-site', 'websocket', 'websocket'],
    ['cross-site', 'same-origin', 'empty'],
    ['cross-site', '', ''],
    ['same-origin, cross-site', 'no-cors', 'image'],
    ['Same-Origin', 'no-cors', 'image'],
    ['somewhere', 'no-cors', 'image'],
    ['cross-site', 'navigate, navigate', 'document'],
  ])('refuses %s %s %s', (site, mode, dest) => {
    expect(verdictOf(site, mode, dest)).toBe('embedded');
    expect(verdictOf(site, mode, dest, { method: 'HEAD' })).toBe('embedded');
  });

  it('refuses a header that came several times, as Node gives it to nobody today', () => {
    expect(verdictOf(['same-origin', 'cross-site'], 'no-cors', 'image')).toBe('embedded');
  });

  it('takes only GET for a link', () => {
    expect(verdictOf('cross-site', 'navigate', 'document', { method: 'HEAD' })).toBe('embedded');
    expect(verdictOf('cross-site', 'navigate', 'document', { method: 'OPTIONS' })).toBe('embedded');
  });

  it('lets scripts of trusted origins read, and nobody else', () => {
    expect(verdictOf('cross-site', 'cors', 'empty', { origin: TRUSTED })).toBe('allowed');
    expect(verdictOf('cross-site', 'cors', 'empty', { origin: 'https://evil.example' })).toBe('fetched');
    expect(verdictOf('cross-site', 'cors', 'empty', { origin: 'null' })).toBe('fetched');
    expect(verdictOf('cross-site', 'cors', 'empty')).toBe('fetched');
    expect(verdictOf('cross-site', 'no-cors', 'image', { origin: TRUSTED })).toBe('embedded');
  });

  it('leaves unsafe methods to the check against forged requests', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'TRACE']) {
      expect(verdictOf('cross-site', 'no-cors', 'empty', { method })).toBe('allowed');
    }
  });
});
