import { describe, expect, it } from '@jest/globals';
import { checkCrossOrigin, type CrossOriginRefusal } from './cross-origin-check.js';
import type { OriginRules } from '../options/origin.js';

type Headers = Record<string, string | string[]>;
type Verdict = CrossOriginRefusal | 'allowed';

const RULES: OriginRules = { public: undefined, trusted: new Set(), onMissing: 'allow' };
const HOST = { host: 'example.com' };

const verdictOf = (headers: Headers, { method = 'POST', ...rules }: Partial<OriginRules & { method: string }> = {}) =>
  checkCrossOrigin({ method, headers: { ...HOST, ...headers } }, { ...RULES, ...rules }) ?? 'allowed';

const site = (value: string, origin?: string): Headers => ({
  'sec-fetch-site': value,
  ...(origin === undefined ? {} : { origin }),
});

describe('checkCrossOrigin, by the table of net/http of Go 1.25', () => {
  it.each<[string, string, Headers, Verdict]>([
    ['same-origin allowed', 'POST', site('same-origin'), 'allowed'],
    ['none allowed', 'POST', site('none'), 'allowed'],
    ['cross-site blocked', 'POST', site('cross-site'), 'cross-site'],
    ['same-site blocked', 'POST', site('same-site'), 'cross-site'],
    ['no header with no origin', 'POST', {}, 'allowed'],
    ['no header with matching origin', 'POST', { origin: 'https://example.com' }, 'allowed'],
    ['no header with mismatched origin', 'POST', { origin: 'https://attacker.example' }, 'foreign-origin'],
    ['no header with null origin', 'POST', { origin: 'null' }, 'foreign-origin'],
    ['GET allowed', 'GET', site('cross-site'), 'allowed'],
    ['HEAD allowed', 'HEAD', site('cross-site'), 'allowed'],
    ['OPTIONS allowed', 'OPTIONS', site('cross-site'), 'allowed'],
    ['PUT blocked', 'PUT', site('cross-site'), 'cross-site'],
  ])('%s', (_name, method, headers, verdict) => {
    expect(verdictOf(headers, { method })).toBe(verdict);
  });

  it('trusted origin without and with Sec-Fetch-Site', () => {
    const trusted = new Set(['https://trusted.example']);
    expect(verdictOf({ origin: 'https://trusted.example' }, { trusted })).toBe('allowed');
    expect(verdictOf(site('cross-site', 'https://trusted.example'), { trusted })).toBe('allowed');
    expect(verdictOf(site('cross-site', 'https://attacker.example'), { trusted })).toBe('cross-site');
    expect(verdictOf(site('cross-site', 'http://trusted.example'), { trusted })).toBe('cross-site');
    expect(verdictOf(site('cross-site'), { trusted })).toBe('cross-site');
  });
});

describe('checkCrossOrigin on what Chromium sends', () => {
  it.each<[string, Headers, Verdict]>([
    ['a form of its own', site('same-origin', 'https://example.com'), 'allowed'],
    ['a form of its own under Referrer-Policy: no-referrer', site('same-origin', 'null'), 'allowed'],
    ['a form of a sibling subdomain', site('same-site', 'https://blog.example.com'), 'cross-site'],
    ['a form of another site', site('cross-site', 'https://attacker.example'), 'cross-site'],
    ['a POST that another site redirected back by 307', site('cross-site', 'null'), 'cross-site'],
    ['a form in a sandboxed iframe', site('cross-site', 'null'), 'cross-site'],
    ['a form of the same host over plain http', site('cross-site', 'http://example.com'), 'cross-site'],
    ['a form of its own on plain http, where Sec-Fetch-Site is absent', { origin: 'http://example.com' }, 'allowed'],
    [
      'another port of localhost',
      { host: 'localhost:3000', ...site('same-site', 'http://localhost:4000') },
      'cross-site',
    ],
    ['sendBeacon of its own page', site('same-origin', 'https://example.com'), 'allowed'],
  ])('%s', (_name, headers, verdict) => {
    expect(verdictOf(headers)).toBe(verdict);
  });
});

describe('checkCrossOrigin on what no browser sends', () => {
  it.each(['same-origin, cross-site', 'same-origin,same-origin', 'Same-Origin', 'same-origin;', 'navigate', '*'])(
    'refuses the Sec-Fetch-Site %j',
    (value) => expect(verdictOf(site(value, 'https://example.com'))).toBe('cross-site'),
  );

  it('refuses headers that came several times, joined or not', () => {
    expect(verdictOf({ 'sec-fetch-site': ['same-origin', 'cross-site'] })).toBe('cross-site');
    expect(verdictOf({ origin: ['https://example.com', 'https://example.com'] })).toBe('foreign-origin');
    expect(verdictOf({ origin: 'https://example.com, https://example.com' })).toBe('foreign-origin');
  });

  it.each<[string, string, Verdict]>([
    ['https://EXAMPLE.com', 'example.com', 'allowed'],
    ['https://example.com', 'Example.COM', 'allowed'],
    ['https://example.com', 'example.com:443', 'allowed'],
    ['https://example.com', 'example.com:80', 'foreign-origin'],
    ['https://example.com', 'example.com:8443', 'foreign-origin'],
    ['https://example.com:8443', 'example.com:8443', 'allowed'],
    ['https://example.com.', 'example.com', 'foreign-origin'],
    ['https://example.com.', 'example.com.', 'allowed'],
    ['https://example.com@attacker.example', 'example.com', 'foreign-origin'],
    ['https://attacker@example.com', 'example.com', 'foreign-origin'],
    ['https://example.com/', 'example.com', 'foreign-origin'],
    ['https://example.com\\@attacker.example', 'example.com', 'foreign-origin'],
    ['https://example.com#', 'example.com', 'foreign-origin'],
    ['https://%65xample.com', 'example.com', 'foreign-origin'],
    ['https://ex\tample.com', 'example.com', 'foreign-origin'],
    ['https://notexample.com', 'example.com', 'foreign-origin'],
    ['https://example.com.attacker.example', 'example.com', 'foreign-origin'],
    ['https://example.com:99999', 'example.com', 'foreign-origin'],
    ['https://', 'example.com', 'foreign-origin'],
    ['example.com', 'example.com', 'foreign-origin'],
    ['//example.com', 'example.com', 'foreign-origin'],
    ['file://', 'example.com', 'foreign-origin'],
    ['chrome-extension://example.com', 'example.com', 'foreign-origin'],
    ['http://[::1]:3000', '[::1]:3000', 'allowed'],
    ['http://[0:0:0:0:0:0:0:1]:3000', '[::1]:3000', 'allowed'],
    ['http://[::1]:3000', '[::2]:3000', 'foreign-origin'],
    ['http://[::1', '[::1', 'foreign-origin'],
    ['https://example.com', 'attacker.example#example.com', 'foreign-origin'],
    ['https://example.com', '', 'foreign-origin'],
  ])('Origin %j at Host %j is %s', (origin, host, verdict) => {
    expect(verdictOf({ host, origin })).toBe(verdict);
  });

  it('takes empty headers for absent ones', () => {
    expect(verdictOf({ ...site(''), origin: '' })).toBe('allowed');
    expect(verdictOf(site('', 'https://attacker.example'))).toBe('foreign-origin');
  });

  it('compares with :authority where HTTP/2 has no Host, and prefers it', () => {
    const check = (headers: Headers) =>
      checkCrossOrigin({ method: 'POST', headers: { origin: 'https://example.com', ...headers } }, RULES) ?? 'allowed';
    expect(check({ ':authority': 'example.com' })).toBe('allowed');
    expect(check({ ':authority': 'attacker.example', host: 'example.com' })).toBe('foreign-origin');
    expect(check({})).toBe('foreign-origin');
  });

  it.each([
    ['x-http-method-override', 'GET'],
    ['x-forwarded-host', 'attacker.example'],
    ['referer', 'https://example.com/'],
    ['content-type', 'TEXT/PLAIN'],
    ['content-type', 'multipart/form-data; boundary=x'],
    ['content-type', 'application/json'],
  ])(
    'does not look at %s: %s (React Router CVE-2026-22030, SvelteKit CVE-2023-29003, Hono CVE-2024-43787)',
    (name, value) => {
      expect(verdictOf({ ...site('cross-site', 'https://attacker.example'), [name]: value })).toBe('cross-site');
      expect(verdictOf({ origin: 'https://attacker.example', [name]: value })).toBe('foreign-origin');
      expect(verdictOf({ ...site('same-origin'), [name]: value })).toBe('allowed');
    },
  );

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'CONNECT', 'QUERY', 'get', ''])(
    'checks the method %j',
    (method) => {
      expect(verdictOf(site('cross-site'), { method })).toBe('cross-site');
    },
  );
});

describe('checkCrossOrigin by its rules', () => {
  it('compares whole origins, scheme included, when it knows the public ones', () => {
    const publicOrigins = new Set(['https://app.example.com']);
    const verdict = (headers: Headers) => verdictOf(headers, { public: publicOrigins });
    expect(verdict({ host: 'internal:3000', origin: 'https://app.example.com' })).toBe('allowed');
    expect(verdict({ host: 'app.example.com', origin: 'http://app.example.com' })).toBe('foreign-origin');
    expect(verdict({ host: 'evil.example', origin: 'https://evil.example' })).toBe('foreign-origin');
    expect(verdict(site('cross-site', 'https://app.example.com'))).toBe('cross-site');
  });

  it('refuses what tells nothing when told to', () => {
    expect(verdictOf({}, { onMissing: 'reject' })).toBe('no-origin');
    expect(verdictOf({ origin: 'https://example.com' }, { onMissing: 'reject' })).toBe('allowed');
    expect(verdictOf(site('none'), { onMissing: 'reject' })).toBe('allowed');
    expect(verdictOf({}, { onMissing: 'reject', method: 'GET' })).toBe('allowed');
  });

  it.each(['capacitor://localhost', 'ionic://localhost', 'tauri://localhost', 'app://bundle', 'https://localhost'])(
    'allows the app at %s when it is trusted, to which a browser is always another site',
    (origin) => {
      const trusted = new Set([origin]);
      for (const rules of [{ trusted }, { trusted, public: new Set(['https://app.example.com']) }]) {
        expect(verdictOf({ origin }, rules)).toBe('allowed');
        expect(verdictOf(site('cross-site', origin), rules)).toBe('allowed');
        expect(verdictOf(site('cross-site', `${origin}:8080`), rules)).toBe('cross-site');
        expect(verdictOf(site('cross-site', `${origin}/`), rules)).toBe('cross-site');
        expect(verdictOf({ origin: origin.replace('//', '//evil.') }, rules)).toBe('foreign-origin');
        expect(verdictOf({ origin: `x-${origin}` }, rules)).toBe('foreign-origin');
      }
      expect(verdictOf(site('cross-site', origin))).toBe('cross-site');
      expect(verdictOf({ origin })).toBe('foreign-origin');
    },
  );

  it('takes no app of its own scheme for the host that it names', () => {
    expect(verdictOf({ origin: 'capacitor://example.com' })).toBe('foreign-origin');
  });
});
