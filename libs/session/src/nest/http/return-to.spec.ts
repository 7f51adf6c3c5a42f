import { describe, expect, it } from '@jest/globals';
import { isSameOriginPath, safeReturnTo } from './return-to.js';

describe('safeReturnTo (ASVS 3.7.2)', () => {
  it.each(['/', '/devices', '/a/b?c=d&e=%2F%2Fevil', '/a#b', '/%2F%2Fevil.example', '/;x'])('keeps %j', (path) => {
    expect(safeReturnTo(path)).toBe(path);
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
