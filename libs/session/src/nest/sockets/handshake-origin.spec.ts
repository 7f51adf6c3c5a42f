import { describe, expect, it } from '@jest/globals';
import type { OriginRules } from '../options/origin.js';
import { isTrustedHandshake, type HandshakeHeaders } from './handshake-origin.js';

const RULES: OriginRules = {
  public: new Set(['https://app.example.com']),
  trusted: new Set(['https://partner.example', 'capacitor://localhost', 'http://localhost']),
  onMissing: 'allow',
};

const isTrusted = (headers: HandshakeHeaders, rules: Partial<OriginRules> = {}) =>
  isTrustedHandshake(headers, { ...RULES, ...rules });

describe('isTrustedHandshake (ASVS 4.4.2)', () => {
  it.each<[string, HandshakeHeaders]>([
    ['the host itself', { host: 'api.test', origin: 'https://api.test' }],
    ['the host itself over plain http', { host: 'localhost:3000', origin: 'http://localhost:3000' }],
    ['the host with the default port spelled out', { host: 'api.test:443', origin: 'https://api.test' }],
    ['the host in capitals', { host: 'API.test', origin: 'https://api.test' }],
    ['a public origin', { host: 'api.test', origin: 'https://app.example.com' }],
    ['a trusted origin', { host: 'api.test', origin: 'https://partner.example' }],
    ['an app of its own scheme that is trusted', { host: 'api.test', origin: 'capacitor://localhost' }],
    ['an app on Android that is trusted', { host: 'api.test', origin: 'http://localhost' }],
    [
      'a trusted app whose browser says another site',
      { host: 'a', origin: 'capacitor://localhost', 'sec-fetch-site': 'cross-site' },
    ],
    ['a client that is no browser', { host: 'api.test' }],
    ['a browser that says it is the same origin', { host: 'api.test', 'sec-fetch-site': 'same-origin' }],
  ])('trusts %s', (_what, headers) => {
    expect(isTrusted(headers)).toBe(true);
  });

  it.each<[string, HandshakeHeaders]>([
    ['another host', { host: 'api.test', origin: 'https://evil.test' }],
    ['another port', { host: 'api.test', origin: 'https://api.test:8443' }],
    ['a default port of the other scheme', { host: 'api.test:443', origin: 'http://api.test' }],
    ['a sibling', { host: 'api.test', origin: 'https://blog.api.test' }],
    ['a host that ends alike', { host: 'api.test', origin: 'https://notapi.test' }],
    ['a public origin over plain http', { host: 'api.test', origin: 'http://app.example.com' }],
    ['a trusted origin over plain http', { host: 'api.test', origin: 'http://partner.example' }],
    ['another scheme of a trusted app', { host: 'api.test', origin: 'ionic://localhost' }],
    ['another host of a trusted app', { host: 'api.test', origin: 'capacitor://localhost.evil.test' }],
    ['another port of a trusted app', { host: 'api.test', origin: 'http://localhost:8080' }],
    ['an app of its own scheme with the host’s name', { host: 'api.test', origin: 'capacitor://api.test' }],
    ['a public origin on another port', { host: 'api.test', origin: 'https://app.example.com:444' }],
    ['a sandboxed page', { host: 'api.test', origin: 'null' }],
    ['an extension', { host: 'api.test', origin: 'chrome-extension://api.test' }],
    ['a URL that is no origin', { host: 'api.test', origin: 'https://api.test/' }],
    ['credentials before the host', { host: 'api.test', origin: 'https://api.test@evil.test' }],
    ['a host with a path', { host: 'api.test/x', origin: 'https://api.test' }],
    ['an empty origin', { host: '', origin: '' }],
    ['no host', { origin: 'https://api.test' }],
    ['two origins', { host: 'api.test', origin: ['https://api.test', 'https://evil.test'] }],
    ['a host that only a proxy tells', { host: 'inner', 'x-forwarded-host': 'api.test', origin: 'https://api.test' }],
    ['a browser that says it is another site', { host: 'api.test', 'sec-fetch-site': 'cross-site' }],
    ['a browser that says it is a sibling', { host: 'api.test', 'sec-fetch-site': 'same-site' }],
    ['contradicting sites', { host: 'api.test', 'sec-fetch-site': 'same-origin, cross-site' }],
  ])('distrusts %s', (_what, headers) => {
    expect(isTrusted(headers)).toBe(false);
  });

  it('can ask every client for its origin', () => {
    const rules = { onMissing: 'reject' } as const;
    expect(isTrusted({ host: 'api.test' }, rules)).toBe(false);
    expect(isTrusted({ host: 'api.test', 'sec-fetch-site': 'same-origin' }, rules)).toBe(false);
    expect(isTrusted({ host: 'api.test', origin: 'https://api.test' }, rules)).toBe(true);
    expect(isTrusted({ host: 'api.test', origin: 'capacitor://localhost' }, rules)).toBe(true);
  });
});
