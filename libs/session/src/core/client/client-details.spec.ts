import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { normalizeActor, normalizeDevice, normalizeIpAddress, normalizeUserAgent } from './client-details.js';

// eslint-disable-next-line no-control-regex -- none of them may be left
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const anyText = fc.string({ unit: 'binary', maxLength: 2000 });

describe('normalizeIpAddress', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['2001:DB8::1', '2001:db8::1'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
  ])('stores %s as %s', (address, wanted) => {
    expect(normalizeIpAddress(address)).toBe(wanted);
  });

  it.each([
    '',
    'localhost',
    '203.0.113.7, 10.0.0.1',
    '203.0.113.7:443',
    '[::1]',
    '1.2.3.4\n',
    "1.2.3.4'; --",
    null,
    undefined,
  ])('takes %j for unknown', (address) => {
    expect(normalizeIpAddress(address)).toBeNull();
  });
});

describe.each([
  ['normalizeUserAgent', normalizeUserAgent, 512],
  ['normalizeDevice', normalizeDevice, 100],
  ['normalizeActor', normalizeActor, 255],
])('%s', (_name, normalize, maxLength) => {
  it('leaves no text that could forge a line in a log (ASVS 16.4.1)', () => {
    expect(normalize('curl/8\r\n2026-11-23 INFO signed in as root\u2028\u0085\u001b[31m')).toBe(
      'curl/8 2026-11-23 INFO signed in as root [31m',
    );
    fc.assert(
      fc.property(anyText, (text) => {
        const clean = normalize(text) ?? '';
        expect(clean).not.toMatch(CONTROL);
        expect(clean.length).toBeLessThanOrEqual(maxLength);
        expect(clean.isWellFormed()).toBe(true);
      }),
    );
  });

  it('cuts long text, also in the middle of a surrogate pair', () => {
    expect(normalize('x'.repeat(10_000))).toHaveLength(maxLength);
    const cut = normalize('x'.repeat(maxLength - 1) + '🦊') ?? '';
    expect(cut).toHaveLength(maxLength);
    expect(cut.isWellFormed()).toBe(true);
  });

  it('treats an empty, blank or control-only text as unknown', () => {
    for (const text of ['', '   ', '\r\n\t', '\0', null, undefined]) expect(normalize(text)).toBeNull();
  });

  it('leaves what it made as it is', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const once = normalize(text);
        expect(normalize(once)).toBe(once);
      }),
    );
  });
});
