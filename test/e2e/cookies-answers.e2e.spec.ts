import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CurrentHttpSession, Public, type HttpSession, type SessionModuleOptions, type SignOut } from 'nest-sessions';
import type { ServerResponse } from 'node:http';
import { AccountController } from './support/account.controller.js';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';

/** What Express and Fastify responses have in common, and Node's own response behind Fastify's. */
interface AnyResponse {
  readonly raw?: ServerResponse;
  header(name: string, value: string | string[]): unknown;
  hijack?(): unknown;
  getHeaders?(): Record<string, number | string | string[]>;
}

const append = (response: AnyResponse, cookie: string) => {
  const node = response as AnyResponse & { append?(name: string, value: string): unknown };
  // Fastify's header() appends to Set-Cookie.
  if (node.append) node.append('Set-Cookie', cookie);
  else node.header('Set-Cookie', cookie);
};

/** Ends a response by hand, after everything that could be set before was set. */
const ENDINGS: Record<string, (response: ServerResponse) => void> = {
  'writeHead with an array': (response) => response.writeHead(200, ['X-One', '1', 'X-Two', '2']).end('ok'),
  'writeHead with an object': (response) => response.writeHead(200, 'Fine', { 'X-One': '1' }).end('ok'),
  'writeHead with a name twice in an array': (response) =>
    response.writeHead(200, ['X-One', '1', 'X-One', '2']).end('ok'),
  'end alone': (response) => response.end('ok'),
  flushHeaders: (response) => {
    response.flushHeaders();
    response.write('a');
    response.end('b');
  },
  'written in pieces': (response) => {
    for (const piece of ['a', 'b', 'c']) response.write(piece);
    response.end();
  },
  'a 304': (response) => response.writeHead(304, ['ETag', '"x"']).end(),
};

/** What these endings give to writeHead and every version of Node sends. */
const GIVEN_HEADERS: Record<string, Record<string, string>> = {
  'writeHead with an array': { 'x-one': '1', 'x-two': '2' },
  'writeHead with an object': { 'x-one': '1' },
  'a 304': { etag: '"x"' },
};

@Controller('answers')
class AnswerController {
  @Public()
  @Post('by-hand/:ending')
  async byHand(
    @Param('ending') ending: string,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: AnyResponse,
  ): Promise<void> {
    append(response, 'before=1; Path=/');
    await http.signIn({ userId: 'ada' });
    if (!response.raw) append(response, 'after=2; Path=/');
    response.hijack?.();
    ENDINGS[ending]?.(response.raw ?? (response as unknown as ServerResponse));
  }

  /** Sets headers before and after the session does. */
  @Public()
  @Post('headers')
  async headers(
    @Body() { before = {}, after = {} }: { before?: Record<string, string>; after?: Record<string, string> },
    @Query('sign') sign: 'in' | 'out',
    @CurrentHttpSession() http: HttpSession,
    @Res({ passthrough: true }) response: AnyResponse,
  ): Promise<void> {
    for (const [name, value] of Object.entries(before)) response.header(name, value);
    if (sign === 'in') await http.signIn({ userId: 'ada' });
    else await http.signOut();
    for (const [name, value] of Object.entries(after)) response.header(name, value);
  }

  @Public()
  @Get('cached')
  async cached(@CurrentHttpSession() http: HttpSession, @Req() _request: unknown): Promise<string> {
    await http.signIn({ userId: 'ada' });
    return 'always the same';
  }

  @Public()
  @Post('sign-out')
  async signOut(@Body() options: SignOut, @CurrentHttpSession() http: HttpSession): Promise<{ outcome: string }> {
    const outcome = await http.signOut(options).then(String, (error: Error) => error.name);
    return { outcome };
  }

  @Public()
  @Post('switch')
  async change(@CurrentHttpSession() http: HttpSession): Promise<void> {
    await http.signOut();
    await http.signIn({ userId: 'bob' });
  }
}

const startWith = (adapter: AdapterName, options: Partial<SessionModuleOptions> = {}) =>
  startTestApp({ adapter, options, controllers: [AccountController, AnswerController] });

const namesOf = (setCookies: readonly string[]) => setCookies.map((line) => line.split('=', 1)[0]);

describe.each(ADAPTERS)('a response with a session cookie on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startWith(adapter);
  });

  afterAll(() => app?.close());

  it.each(Object.keys(ENDINGS))(
    'keeps it, the other cookies and the cache headers when ended by %s (on-headers CVE-2025-7339)',
    async (ending) => {
      const browser = app.openBrowser();
      const answer = await browser.post(`/answers/by-hand/${encodeURIComponent(ending)}`);
      const own = adapter === 'express' ? ['before', '__Host-session', 'after'] : ['before', '__Host-session'];
      expect(namesOf(answer.setCookies)).toEqual(own);
      expect([answer.headers['cache-control'], answer.headers.vary]).toEqual(['no-store', 'Cookie']);
      expect(answer.headers).toMatchObject(GIVEN_HEADERS[ending] ?? {});
      expect((await browser.get('/me')).json()).toMatchObject({ userId: 'ada' });
    },
  );

  it('keeps it in the 304 that the adapter makes of a response that did not change', async () => {
    const first = await app.client.send({ path: '/answers/cached' });
    const etag = first.headers.etag ?? '"none"';
    const again = await app.client.send({ path: '/answers/cached', headers: { 'If-None-Match': etag } });
    // Fastify makes no etags of its own.
    expect(again.status).toBe(adapter === 'express' ? 304 : 200);
    expect(namesOf(again.setCookies)).toEqual(['__Host-session']);
    expect(again.headers['cache-control']).toBe('no-store');
  });

  it.each(['in', 'out'])('is uncacheable after signing %s, whatever was set before (ASVS 14.3.2)', async (sign) => {
    const send = async (before: Record<string, string>) => {
      const answer = await app.openBrowser().post(`/answers/headers?sign=${sign}`, { before });
      return [answer.headers['cache-control'], answer.headers.vary];
    };
    expect(await send({})).toEqual(['no-store', 'Cookie']);
    expect(await send({ 'Cache-Control': 'public, max-age=600', Vary: 'Accept' })).toEqual([
      'no-store',
      'Accept, Cookie',
    ]);
    expect(await send({ 'cache-control': 'private', vary: 'Origin, cookie' })).toEqual(['no-store', 'Origin, cookie']);
    expect(await send({ Vary: '*' })).toEqual(['no-store', '*']);
    expect(await send({ Vary: 'X-Cookie-Consent' })).toEqual(['no-store', 'X-Cookie-Consent, Cookie']);
  });

  it('leaves headers that the handler sets afterwards to the handler', async () => {
    const after = { 'Cache-Control': 'private, max-age=5', Vary: 'Accept' };
    const answer = await app.openBrowser().post('/answers/headers?sign=in', { after });
    expect([answer.headers['cache-control'], answer.headers.vary]).toEqual(['private, max-age=5', 'Accept']);
    expect(namesOf(answer.setCookies)).toEqual(['__Host-session']);
  });
});

describe.each(ADAPTERS)('Clear-Site-Data on %s (ASVS 14.3.1)', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startWith(adapter, { clearSiteData: ['cache', 'storage'] });
  });

  afterAll(() => app?.close());

  const header = ({ headers }: { headers: object }) => (headers as Record<string, unknown>)['clear-site-data'];

  it('is sent in quotes when somebody signs out, and in no other answer', async () => {
    const browser = app.openBrowser();
    const others = [
      await browser.post('/sign-in', { userId: 'ada' }),
      await browser.get('/me'),
      await browser.post('/rotate'),
    ];
    expect(others.map(header)).toEqual([undefined, undefined, undefined]);
    expect(header(await browser.post('/answers/sign-out'))).toBe('"cache", "storage"');
  });

  it('is sent as well when somebody revokes the session that they use', async () => {
    const browser = app.openBrowser();
    const { id } = (await browser.post('/sign-in', { userId: 'ada' })).json() as { id: string };
    expect(header(await browser.send('DELETE', `/devices/${id}`))).toBe('"cache", "storage"');
  });

  it('is what signOut says instead, and nothing for []', async () => {
    const browser = app.openBrowser();
    const all = { clearSiteData: ['cookies', 'executionContexts', 'storage', 'cache'] };
    expect(header(await browser.post('/answers/sign-out', all))).toBe(
      '"cookies", "executionContexts", "storage", "cache"',
    );
    expect(header(await browser.post('/answers/sign-out', { clearSiteData: [] }))).toBeUndefined();
  });

  it('is sent with the cleared cookie when the store failed: the visitor leaves this device all the same', async () => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    app.store.breakDown();
    const answer = await browser.post('/sign-out').finally(() => app.store.recover());
    expect(answer.status).toBe(503);
    expect(answer.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
    expect(header(answer)).toBe('"cache", "storage"');
  });

  it('is taken back by a sign-in in the same response, which it would undo', async () => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    expect(header(await browser.post('/answers/switch'))).toBeUndefined();
    expect((await browser.get('/me')).json()).toMatchObject({ userId: 'bob' });
  });

  it('is an argument error for anything else, and then nothing happened', async () => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    for (const clearSiteData of ['cache', ['everything'], ['cache"\r\nX-Evil: 1']]) {
      const answer = await browser.post('/answers/sign-out', { clearSiteData });
      expect(answer.json()).toEqual({ outcome: 'SessionArgumentError' });
      expect([answer.setCookies, header(answer)]).toEqual([[], undefined]);
    }
    expect((await browser.get('/me')).status).toBe(200);
  });
});
