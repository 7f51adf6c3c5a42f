import { beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { ALAN, DEMO_SETUPS, isSignedIn, stageDemo } from './demo-stage.js';

describe.each(DEMO_SETUPS)('the demo with sessions in $store, on $httpAdapter', (setup) => {
  const demo = stageDemo(setup);

  describe('every answer', () => {
    it('has the headers that keep other sites and scripts out (ASVS 3.4)', async () => {
      const visitor = demo.world.visitor();
      const answers = [
        await demo.laptop.get('/'),
        await demo.laptop.get('/sessions'),
        await visitor.get('/sign-in'),
        await visitor.get('/sessions'),
        await visitor.get('/nowhere'),
        await demo.laptop.api('GET', '/devices'),
        await visitor.api('GET', '/devices'),
        await visitor.get('/assets/%zz'),
        await visitor.get(`/assets/${'x'.repeat(200)}`),
      ];
      for (const { headers } of answers) {
        expect(headers.get('content-security-policy')).toBe(
          "default-src 'none';style-src 'self';img-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
        );
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('referrer-policy')).toBe('same-origin');
        expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
        expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
        expect(headers.get('x-frame-options')).toBe('DENY');
        expect(headers.get('strict-transport-security')).toBeNull();
        expect(headers.get('cache-control')).toContain('no-store');
        expect(headers.get('x-powered-by')).toBeNull();
      }
    });

    it('to an address that cannot be read is 4xx', async () => {
      for (const path of ['/assets/%zz', `/assets/${'x'.repeat(200)}`]) {
        const { status } = await demo.world.visitor().api('GET', path);
        expect([path, [400, 404, 414].includes(status)]).toEqual([path, true]);
      }
    });

    it('to a form that is too long does not say that the fault is ours', async () => {
      const answer = await demo.world.visitor().post('/sign-in', { email: 'x'.repeat(2_000_000) });
      expect(answer.status).toBe(413);
      expect(answer.body).toContain('That did not make sense to us');
    });

    it('to a target that is no address is not 500', async () => {
      expect((await answerToTarget(demo.world.url, { target: 'http://[' })).status).toBeLessThan(500);
      expect((await answerToTarget(demo.world.url, { target: '/sessions' })).status).toBe(303);
    });

    it('has those headers even to a target that is no path', async () => {
      for (const method of ['GET', 'OPTIONS']) {
        const { status, headers } = await answerToTarget(demo.world.url, { method, target: '*' });
        expect([status, headers['cache-control'], headers['x-frame-options']]).toEqual([404, 'no-store', 'DENY']);
      }
    });

    it('needs no script, no inline style and no other site', async () => {
      for (const page of [
        await demo.laptop.get('/'),
        await demo.laptop.get('/sessions'),
        await demo.world.visitor().get('/sign-in'),
      ]) {
        expect(page.body).not.toMatch(/<script|<style|\sstyle=|\son\w+=|https?:\/\//i);
        expect(page.body).toContain('<html lang="en">');
      }
    });

    it('links styles that may be kept for ever', async () => {
      const { body } = await demo.world.visitor().get('/sign-in');
      const paths = [...body.matchAll(/href="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
      expect(paths).toHaveLength(3);
      for (const path of paths) {
        const asset = await demo.world.visitor().get(path);
        expect([path, asset.status]).toEqual([path, 200]);
        expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect(asset.headers.get('content-type')).toMatch(/^(?:text\/css|image\/svg\+xml)/);
      }
      expect((await demo.world.visitor().get('/assets/demo.css')).headers.get('cache-control')).toBe('no-cache');
      expect((await demo.world.visitor().get('/assets/..%2f..%2fmain.ts')).status).toBe(404);
    });

    it('for an unknown address is a page or JSON, as the client prefers', async () => {
      const page = await demo.laptop.get('/nowhere');
      expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
      expect(page.body).toContain('There is no such page');
      const json = await demo.laptop.api('GET', '/nowhere');
      expect([json.status, JSON.parse(json.body).statusCode]).toEqual([404, 404]);
    });
  });

  describe('when the session store does not answer', () => {
    beforeEach(() => {
      demo.world.switches.isDown = true;
    });

    const comeBack = () => {
      demo.world.switches.isDown = false;
    };

    it('says on a page that the user is still signed in, and that is true', async () => {
      const page = await demo.laptop.get('/sessions');
      comeBack();
      expect(page.status).toBe(503);
      expect(page.body).toContain('You are still signed in');
      expect(page.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(page.cookies).toEqual([]);
      expect((await demo.laptop.get('/sessions')).status).toBe(200);
    });

    it('is logged in one line for many pages, without a stack', async () => {
      const before = demo.world.logs.lines.length;
      for (let views = 0; views < 4; views++) await demo.laptop.get('/sessions');
      comeBack();
      const lines = demo.world.logs.lines.slice(before).join('\n');
      expect(lines.split('switched off by a test').length - 1).toBeLessThanOrEqual(1);
      expect(lines).not.toMatch(/^\s+at /m);
    });

    it('says so in JSON', async () => {
      const answer = await demo.laptop.api('GET', '/devices');
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect(answer.cookies).toEqual([]);
    });

    it('lets nobody sign in, and does not claim that they are', async () => {
      const visitor = demo.world.visitor();
      const answer = await visitor.signIn(ALAN);
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.body).toContain('Nobody can sign in right now');
      expect(answer.cookies).toEqual([]);
    });

    it('signs out on this browser, and says that it is not more than that', async () => {
      const { cookie } = demo.laptop;
      const answer = await demo.laptop.post('/sign-out');
      comeBack();
      expect(answer.status).toBe(503);
      expect(answer.body).toContain('Signed out on this browser only');
      expect(demo.laptop.cookie).toBeUndefined();
      demo.laptop.cookie = cookie;
      expect(await isSignedIn(demo.laptop)).toBe(true);
    });
  });
});

interface RequestLine {
  readonly method?: string;
  readonly target: string;
}

/** Sends a request line that `fetch` would mend first. */
async function answerToTarget(url: string, { method = 'GET', target }: RequestLine) {
  const { hostname, port } = new URL(url);
  const request = httpRequest({ hostname, port, method, path: target, headers: { accept: 'text/html' } }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode, headers: response.headers };
}
