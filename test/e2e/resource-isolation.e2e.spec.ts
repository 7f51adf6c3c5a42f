import { afterEach, describe, expect, it } from '@jest/globals';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Get, Header, Post, UseGuards } from '@nestjs/common';
import { GraphQLModule, Query, Resolver } from '@nestjs/graphql';
import {
  AllowEmbedding,
  CsrfExempt,
  CurrentHttpSession,
  CurrentSession,
  Public,
  SessionGuard,
  toAuditRecord,
  type HttpSession,
  type Session,
  type SessionModuleOptions,
} from 'nest-sessions';
import type { IsolationRejection } from '#src/core/events/security-events.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';

const IMAGE = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'image' };
const LINK = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
const FETCH = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' };
const REFUSAL = { statusCode: 403, error: 'cross_site_refused', message: 'Cross-site request refused' };
const VARY = 'Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, Origin';

@UseGuards(SessionGuard)
@Controller('files')
class FilesController {
  static ran = 0;

  @Get()
  read(@CurrentSession() { userId }: Session) {
    FilesController.ran += 1;
    return { userId };
  }

  @AllowEmbedding()
  @Get('avatar')
  avatar(@CurrentSession() { userId }: Session) {
    return { userId };
  }

  @Header('Cross-Origin-Resource-Policy', 'same-site')
  @Get('own-header')
  ownHeader() {
    return {};
  }

  @CsrfExempt()
  @Post('callback')
  callback() {
    return { ran: true };
  }

  @Public()
  @Get('greeting')
  async greeting(@CurrentHttpSession() http: HttpSession) {
    return { for: (await http.current())?.userId ?? 'nobody' };
  }

  @Public()
  @Get('logo')
  logo() {
    return { logo: true };
  }
}

@AllowEmbedding()
@UseGuards(SessionGuard)
@Controller('widgets')
class WidgetsController {
  @Get()
  read(@CurrentSession() { userId }: Session) {
    return { userId };
  }
}

@Controller('more-widgets')
class MoreWidgetsController extends WidgetsController {}

@UseGuards(SessionGuard)
@Resolver()
class FilesResolver {
  @AllowEmbedding()
  @Query()
  avatar(@CurrentSession() { userId }: Session) {
    return userId;
  }

  @Query()
  secret(@CurrentSession() { userId }: Session) {
    return userId;
  }
}

describe.each(ADAPTERS)('resourceIsolation on %s (ASVS 3.5.8)', (adapter) => {
  let app: TestApp;
  let cookies: string[];
  const heard: IsolationRejection[] = [];

  const start = async (options: Partial<SessionModuleOptions> = { resourceIsolation: true }) => {
    app = await startTestApp({
      adapter,
      options,
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          typeDefs: 'type Query { avatar: String  secret: String }',
          graphiql: false,
          csrfPrevention: false,
          ...(adapter === 'fastify' && { context: (req: object, reply: object) => ({ req, reply }) }),
        }),
      ],
      controllers: [FilesController, WidgetsController, MoreWidgetsController],
      providers: [FilesResolver],
    });
    const { token } = await app.sessions.create({ userId: 'ada' });
    cookies = [`__Host-session=${token}`];
    app.sessions.events.on('isolation-rejected', (rejection) => void heard.push(rejection));
    app.store.calls.length = 0;
  };

  afterEach(async () => {
    await app.close();
    FilesController.ran = 0;
    heard.length = 0;
  });

  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    app.client.send({ method, path, headers, cookies });

  it('refuses what another site embeds, before the store is asked and the handler runs', async () => {
    await start();
    for (const headers of [IMAGE, FETCH, { ...LINK, 'Sec-Fetch-Dest': 'iframe' }]) {
      const answer = await get('/files', headers);
      expect([answer.status, answer.json()]).toEqual([403, REFUSAL]);
      expect([answer.headers['cross-origin-resource-policy'], answer.headers.vary]).toEqual(['same-origin', VARY]);
    }
    expect((await get('/files', { ...IMAGE, 'Sec-Fetch-Site': 'same-site' })).status).toBe(403);
    expect((await get('/files', IMAGE, 'HEAD')).status).toBe(403);
    expect([app.store.calls, FilesController.ran]).toEqual([[], 0]);
  });

  it('lets links, its own pages and clients that say nothing in, and tells browsers to embed it nowhere else', async () => {
    await start();
    for (const headers of [LINK, { ...IMAGE, 'Sec-Fetch-Site': 'same-origin' }, {}]) {
      const answer = await get('/files', headers);
      expect(answer.json()).toEqual({ userId: 'ada' });
      expect([answer.headers['cross-origin-resource-policy'], answer.headers.vary]).toEqual(['same-origin', VARY]);
    }
    expect(heard).toEqual([]);
  });

  it('answers alike whether or not there is a session, so that nobody learns who is signed in', async () => {
    await start();
    const known = await get('/files', IMAGE);
    cookies = [];
    const unknown = await get('/files', IMAGE);
    expect([unknown.status, unknown.text]).toEqual([known.status, known.text]);
  });

  it('covers public handlers as far as they look at the session', async () => {
    await start();
    expect((await get('/files/greeting', IMAGE)).json()).toEqual(REFUSAL);
    expect((await get('/files/greeting', LINK)).json()).toEqual({ for: 'ada' });
    const logo = await get('/files/logo', IMAGE);
    expect([logo.status, logo.headers['cross-origin-resource-policy']]).toEqual([200, undefined]);
  });

  it('allows it on a handler or class, but not on what a subclass makes of it', async () => {
    await start();
    for (const path of ['/files/avatar', '/widgets']) {
      const answer = await get(path, IMAGE);
      expect([answer.json(), answer.headers['cross-origin-resource-policy']]).toEqual([{ userId: 'ada' }, undefined]);
    }
    expect((await get('/more-widgets', IMAGE)).json()).toEqual(REFUSAL);
  });

  it('leaves the header to a handler that sets its own, and unsafe requests to csrf', async () => {
    await start();
    expect((await get('/files/own-header')).headers['cross-origin-resource-policy']).toBe('same-site');
    expect((await get('/files/callback', FETCH, 'POST')).json()).toEqual({ ran: true });
  });

  it('lets scripts of origins.trusted read', async () => {
    await start({ resourceIsolation: true, origins: { trusted: ['https://partner.example'] } });
    expect((await get('/files', { ...FETCH, Origin: 'https://partner.example' })).status).toBe(200);
    expect((await get('/files', { ...FETCH, Origin: 'https://evil.example' })).status).toBe(403);
    expect((await get('/files', { ...IMAGE, Origin: 'https://partner.example' })).status).toBe(403);
  });

  it('looks at each resolver of a GraphQL query', async () => {
    await start();
    const ask = (headers: Record<string, string>) =>
      get(`/graphql?query=${encodeURIComponent('{ avatar secret }')}`, headers);
    const { data, errors } = (await ask(IMAGE)).json() as { data: object; errors: { extensions: object }[] };
    expect(data).toEqual({ avatar: 'ada', secret: null });
    expect(errors).toMatchObject([{ extensions: { originalError: REFUSAL } }]);
    expect((await ask({})).json()).toEqual({ data: { avatar: 'ada', secret: 'ada' } });
  });

  it('logs one line and tells one event, without secrets', async () => {
    await start();
    const origin = `https://evil.example/"\u009b31m${'x'.repeat(500)}`;
    await get(`/files?secret=${cookies[0]}`, { ...FETCH, 'User-Agent': 'Spy/1.0', Origin: origin });
    expect(app.log.filter((line) => line.includes('isolation'))).toEqual([
      'warn isolation refused FilesController.read: fetched, Sec-Fetch-Site "cross-site", Mode "cors", Dest "empty"',
    ]);
    expect(heard.map((one) => toAuditRecord('isolation-rejected', one))).toMatchObject([
      {
        event: 'session.isolation_rejected',
        level: 'warn',
        reason: 'fetched',
        isEnforced: true,
        method: 'GET',
        secFetchSite: 'cross-site',
        secFetchMode: 'cors',
        secFetchDest: 'empty',
        ipAddress: '127.0.0.1',
        userAgent: 'Spy/1.0',
      },
    ]);
    expect(heard[0]?.origin).toHaveLength(200);
    expect(JSON.stringify([heard, app.log])).not.toContain(String(cookies[0]));
  });

  it('only tells when told to, once a request, and says so at boot', async () => {
    await start({ resourceIsolation: 'log-only' });
    expect(app.log).toContain("warn resourceIsolation is 'log-only': what other sites embed is logged and let through");
    const answer = await get('/files', IMAGE);
    expect([answer.json(), answer.headers['cross-origin-resource-policy']]).toEqual([{ userId: 'ada' }, undefined]);
    expect(heard).toMatchObject([{ refusal: 'embedded', isEnforced: false }]);
    expect(app.log.filter((line) => line.startsWith('warn isolation would refuse FilesController.read'))).toHaveLength(
      1,
    );
  });

  it('is off by default', async () => {
    await start({});
    const answer = await get('/files', IMAGE);
    expect([answer.json(), answer.headers['cross-origin-resource-policy'], answer.headers.vary]).toEqual([
      { userId: 'ada' },
      undefined,
      undefined,
    ]);
  });
});
