import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Module, Post, type INestApplication } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { CsrfExempt, memoryStore, SessionModule, SessionService } from 'nest-sessions';
import { ADAPTERS, CollectingLogger, createAdapter } from '../../e2e/support/test-app.js';

const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: 'https://attacker.example' };

/** As `@nestjs/graphql` calls a resolver: root, arguments, context, info. */
type Resolver = (root: unknown, args: object, context: object | undefined, info: object) => Promise<unknown>;

@Injectable()
class RecipesResolver {
  save() {
    return 'saved';
  }

  @CsrfExempt()
  webhook() {
    return 'taken';
  }
}

@Controller()
class PlainController {
  @Post('plain')
  post() {
    return { ran: true };
  }
}

const start = async (adapter: Parameters<typeof NestFactory.create>[1], csrf: { token?: 'required' } = {}) => {
  const imports = [SessionModule.forRoot({ store: memoryStore(), cleanup: false, csrf })];

  @Module({ imports, controllers: [PlainController], providers: [RecipesResolver] })
  class RootModule {}

  return NestFactory.create(RootModule, adapter, { logger: new CollectingLogger(), abortOnError: false });
};

const resolverOf = (app: INestApplication, method: 'save' | 'webhook', type = 'graphql'): Resolver => {
  const resolver = app.get(RecipesResolver);
  const creator = app.get(ExternalContextCreator);
  return creator.create(
    resolver,
    resolver[method],
    method,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    type,
  ) as Resolver;
};

const operation = (kind: 'query' | 'mutation' | 'subscription') => ({ operation: { operation: kind } });

describe.each(ADAPTERS)('GraphQL resolvers behind CSRF protection on %s', (adapter) => {
  let app: INestApplication;
  let url: string;
  const contexts: Record<string, (request: object, response: object) => object | undefined> = {
    apollo: (req, res) => ({ req, res }),
    'one that keeps the request only': (req) => ({ req }),
    yoga: (request) => ({ request }),
    mercurius: (request, response) => ({ reply: Object.assign(Object.create(response) as object, { request }) }),
    'one that keeps neither': () => ({ user: 'ada' }),
    none: () => undefined,
  };

  beforeAll(async () => {
    app = await start(createAdapter({ adapter }));
    const save = resolverOf(app, 'save');
    const answer = async (request: { query: unknown }, response: object) => {
      const { context, kind } = request.query as { context: string; kind: 'mutation' };
      try {
        const made = contexts[context]?.(request, response);
        app.getHttpAdapter().reply(response, { data: await save({}, {}, made, operation(kind)) });
      } catch (error) {
        app.getHttpAdapter().reply(response, { refused: (error as { getResponse(): object }).getResponse() });
      }
    };
    app.getHttpAdapter().get('/graphql', answer);
    app.getHttpAdapter().post('/graphql', answer);
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app?.close());

  const ask = async (method: string, context: string, { kind = 'mutation', headers = {} } = {}) => {
    const response = await fetch(`${url}/graphql?context=${encodeURIComponent(context)}&kind=${kind}`, {
      method,
      headers,
    });
    const { data, refused } = (await response.json()) as { data?: string; refused?: { error: string } };
    return data ?? refused?.error;
  };

  const foreign = { origin: 'https://attacker.example' };

  it.each(['apollo', 'one that keeps the request only', 'yoga', 'mercurius'])(
    'are checked by the request that carries them: %s',
    async (context) => {
      expect(await ask('POST', context)).toBe('saved');
      expect(await ask('POST', context, { headers: foreign })).toBe('csrf_rejected');
      // A query by POST is an unsafe request too: nothing says that its resolvers only read.
      expect(await ask('POST', context, { kind: 'query', headers: foreign })).toBe('csrf_rejected');
      expect(await ask('GET', context, { kind: 'query', headers: foreign })).toBe('saved');
    },
  );

  it.each(['one that keeps neither', 'none'])(
    'refuse mutations, and only those, without a request to look at: %s',
    async (context) => {
      expect(await ask('POST', context)).toBe('csrf_rejected');
      expect(await ask('POST', context, { kind: 'query' })).toBe('saved');
      expect(await ask('POST', context, { kind: 'subscription' })).toBe('saved');
    },
  );

  it('can be exempt', async () => {
    const request = { method: 'POST', headers: CROSS_SITE };
    expect(await resolverOf(app, 'webhook')({}, {}, { req: request }, operation('mutation'))).toBe('taken');
    expect(await resolverOf(app, 'webhook')({}, {}, undefined, operation('mutation'))).toBe('taken');
  });

  it.each(['ws', 'rpc', 'carrier-pigeon', 'http'])(
    'let handlers alone that no HTTP request leads to: %s',
    async (type) => {
      const call = resolverOf(app, 'save', type);
      expect(await call({ headers: CROSS_SITE }, { method: 'POST' }, undefined, {})).toBe('saved');
      expect(await call(undefined, {}, undefined, {})).toBe('saved');
    },
  );
});

describe.each(ADAPTERS)('GraphQL resolvers that need a CSRF token on %s', (adapter) => {
  it('find it in the request, and refuse where no response is to find', async () => {
    const app = await start(createAdapter({ adapter }), { token: 'required' });
    await app.init();
    const save = resolverOf(app, 'save');
    const { token } = await app.get(SessionService).create({ userId: 'ada' });
    const { mintCsrfToken } = await import('#src/nest/cross-site/csrf-token.js');
    const req = (headers: object) => ({ method: 'POST', headers: { cookie: `__Host-session=${token}`, ...headers } });
    const res = { headersSent: false, destroyed: false, getHeader: () => undefined, setHeader: () => undefined };
    const right = req({ 'x-csrf-token': mintCsrfToken(token) });
    expect(await save({}, {}, { req: right, res }, operation('mutation'))).toBe('saved');
    await expect(save({}, {}, { req: req({}), res }, operation('mutation'))).rejects.toMatchObject({ status: 403 });
    await expect(save({}, {}, { req: right }, operation('mutation'))).rejects.toMatchObject({ status: 403 });
    await app.close();
  });
});

describe('CSRF protection over HTTP/2, which has :authority and no Host', () => {
  it('compares Origin with :authority', async () => {
    const app = await start(new FastifyAdapter({ http2: true }));
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const client = connect(`http://127.0.0.1:${port}`);
    const statusOf = async (headers: Record<string, string>) => {
      const stream = client.request({
        ':method': 'POST',
        ':path': '/plain',
        ':authority': 'app.example.com',
        ...headers,
      });
      stream.resume();
      const [{ ':status': status }] = (await once(stream.end(), 'response')) as [{ ':status': number }];
      return status;
    };
    expect(await statusOf({ origin: 'https://app.example.com' })).toBe(201);
    expect(await statusOf({ origin: `http://127.0.0.1:${port}` })).toBe(403);
    expect(await statusOf(CROSS_SITE)).toBe(403);
    client.close();
    await app.close();
  });
});

describe('SessionModule', () => {
  it('brings CSRF protection by forRootAsync too', async () => {
    const imports = [SessionModule.forRootAsync({ useFactory: () => ({ store: memoryStore(), cleanup: false }) })];

    @Module({ imports, controllers: [PlainController] })
    class RootModule {}

    const app = await NestFactory.create(RootModule, createAdapter({ adapter: 'fastify' }), { logger: false });
    await app.listen(0, '127.0.0.1');
    const response = await fetch(`${await app.getUrl()}/plain`, { method: 'POST', headers: CROSS_SITE });
    expect(response.status).toBe(403);
    await app.close();
  });
});
