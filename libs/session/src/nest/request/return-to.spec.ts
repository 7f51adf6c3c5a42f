import { describe, expect, it } from '@jest/globals';
import { isSameOriginPath, safeReturnTo } from './return-to.js';

describe('safeReturnTo (ASVS 3.7.2)', () => {
  it.each(['/', '/devices', '/a/b?c=d&e=%2F%2Fevil', '/a#b', '/%2F%2Fevil.example', '/;x'])('keeps %j', (path) => {
    expect(safeReturnTo(path)).toBe(path);
  });

  it.each([
    ['/caf\u00e9?q=\u00fc#\u2028', '/caf%C3%A9?q=%C3%BC#%E2%80%A8'],
    ['/\uff0fevil.example', '/%EF%BC%8Fevil.example'],
    ['/\u{1f600}', '/%F0%9F%98%80'],
    ['/\ud800', '/%EF%BF%BD'],
  ])('encodes what no header can hold, as browsers do: %j', (path, encoded) => {
    expect(safeReturnTo(path)).toBe(encoded);
  });

  it.each([
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/ /evil',
    'https:evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    'devices',
    '',
    '\u0000/devices',
    undefined,
    null,
    42,
    ['/devices'],
    { toString: () => '/devices' },
  ])('takes the fallback for %j', (value) => {
    expect(safeReturnTo(value)).toBe('/');
    expect(safeReturnTo(value, '/home')).toBe('/home');
    expect(isSameOriginPath(value)).toBe(false);
  });
});
