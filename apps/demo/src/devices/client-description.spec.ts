import { describe, expect, it } from '@jest/globals';
import { describeClient } from './client-description.js';

const SAFARI = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';
const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0';

describe('a user agent in words', () => {
  it.each([
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`, 'Chrome on Windows', 'desktop'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 Edg/142.0.0.0`, 'Edge on Windows', 'desktop'],
    [
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${SAFARI} Version/18.1 Safari/605.1.15`,
      'Safari on macOS',
      'desktop',
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) ${SAFARI} Version/18.1 Mobile/15E148 Safari/604.1`,
      'Safari on iPhone',
      'phone',
    ],
    [
      `Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) ${SAFARI} CriOS/142.0.0.0 Mobile/15E148 Safari/604.1`,
      'Chrome on iPad',
      'tablet',
    ],
    ['Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux', 'desktop'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${CHROME} Mobile Safari/537.36`, 'Chrome on Android', 'phone'],
    [
      'Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36',
      'Samsung Internet on Android',
      'phone',
    ],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${CHROME} Safari/537.36`, 'Chrome on Chrome OS', 'desktop'],
    ['Mozilla/5.0 (X11; Linux x86_64) Something/1.0', 'Unknown browser on Linux', 'desktop'],
    ['curl/8.9.1', 'curl', 'program'],
    ['node', 'Node.js', 'program'],
    ['nodpad/1.0', 'Unknown device', 'program'],
    ['<script>alert(1)</script>', 'Unknown device', 'program'],
    [null, 'Unknown device', 'program'],
  ])('%j is %s', (userAgent, label, kind) => {
    expect(describeClient(userAgent)).toMatchObject({ label, kind });
  });

  it('leaves out what was not said', () => {
    expect(describeClient('curl/8.9.1')).toMatchObject({ browser: 'curl', system: null });
    expect(describeClient('Mozilla/5.0')).toMatchObject({ browser: null, system: null });
  });
});
