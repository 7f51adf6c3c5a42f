import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CsrfExempt,
  HttpSessions,
  memoryStore,
  SessionArgumentError,
  SessionContextError,
  SessionGuard,
  SessionModule,
  SessionService,
  type SessionEventMap,
} from 'nest-sessions';
import { CsrfGuard } from '#src/nest/guards/csrf.guard.js';

type Headers = Record<string, string>;

class Handlers {
  handle(): void {}

  @CsrfExempt()
  webhook(): void {}
}

class FakeRequest {
  readonly raw = undefined;

  constructor(
    readonly method: string,
    readonly headers: Headers,
  ) {}
}

/** As much of a response of Node as anything here asks for. */
class FakeResponse {
  readonly headersSent = false;
  readonly destroyed = false;
  readonly headers = new Map<string, string | readonly string[]>();

  getHeader(name: string) {
    return this.headers.get(name);
  }

  setHeader(name: string, value: string | readonly string[]) {
    this.headers.set(name, value);
  }

  removeHeader(name: string) {
    this.headers.delete(name);
  }
}

/** As much of Fastify's reply. */
class FakeReply extends FakeResponse {
  readonly sent = false;
  readonly raw = new FakeResponse();

  constructor(readonly request?: object) {
    super();
  }

  header(name: string, value: string | readonly string[]) {
    this.setHeader(name, value);
  }
}

interface Shape {
  readonly type: 'http' | 'graphql';
  /** Arguments of an HTTP handler, or the GraphQL context. */
  readonly give: (request: FakeRequest) => readonly unknown[];
  readonly hasResponse: boolean;
}

const onFastify = ({ method, headers }: FakeRequest) => ({ method, headers, raw: { rawHeaders: [] } });

const SHAPES: Record<string, Shape> = {
  'HTTP on Express': { type: 'http', give: (request) => [request, new FakeResponse()], hasResponse: true },
  'HTTP on Fastify': { type: 'http', give: (request) => [onFastify(request), new FakeReply()], hasResponse: true },
  'Apollo on Express: { req, res }': {
    type: 'graphql',
    give: (req) => [{ req, res: new FakeResponse() }],
    hasResponse: true,
  },
  'Apollo on Express: { req } that is linked to its response': {
    type: 'graphql',
    give: (request) => [{ req: Object.assign(request, { res: new FakeResponse() }) }],
    hasResponse: true,
  },
  'Apollo on Fastify: { req, reply }': {
    type: 'graphql',
    give: (request) => [{ req: onFastify(request), reply: new FakeReply() }],
    hasResponse: true,
  },
  'Apollo on Fastify: { req }': {
    type: 'graphql',
    give: (request) => [{ req: onFastify(request) }],
    hasResponse: false,
  },
  'Yoga: { request, res }': {
    type: 'graphql',
    give: (request) => [{ request, res: new FakeResponse() }],
    hasResponse: true,
  },
  'Yoga: { req, request of the Fetch API }': {
    type: 'graphql',
    give: (req) => [{ req, res: new FakeResponse(), request: new Request('http://app.test/', { method: req.method }) }],
    hasResponse: true,
  },
  'Mercurius: { reply } that knows its request': {
    type: 'graphql',
    give: (request) => [{ reply: new FakeReply(onFastify(request)) }],
    hasResponse: true,
  },
  'a subscription of Mercurius: { request }': {
    type: 'graphql',
    give: (request) => [{ request: onFastify(request) }],
    hasResponse: false,
  },
};

const NO_REQUESTS: Record<string, readonly unknown[]> = {
  'a context without a request': [{ user: 'ada' }],
  'no context': [undefined],
  'a request of the Fetch API alone': [{ request: new Request('http://app.test/', { method: 'POST' }) }],
  'a request without headers': [{ req: { method: 'POST', headers: null } }],
  'a text': [{ req: 'POST', reply: {} }],
};

describe('the request behind a call', () => {
  let app: TestingModule;
  let token: string;
  const rejections: SessionEventMap['csrf-rejected'][] = [];

  beforeAll(async () => {
    app = await Test.createTestingModule({
      imports: [SessionModule.forRoot({ store: memoryStore(), cleanup: false, resourceIsolation: true })],
    })
      .setLogger({ log() {}, warn() {}, error() {} })
      .compile();
    await app.init();
    const sessions = app.get(SessionService);
    sessions.events.on('csrf-rejected', (rejection) => void rejections.push(rejection));
    ({ token } = await sessions.create({ userId: 'ada' }));
  });
  beforeEach(() => void (rejections.length = 0));
  afterAll(() => app?.close());

  const contextOf = (
    type: string,
    given: readonly unknown[],
    { handler = 'handle', operation = 'query' }: { handler?: 'handle' | 'webhook'; operation?: string } = {},
  ): ExecutionContext => {
    const args = type === 'graphql' ? [{}, {}, given[0], { operation: { operation } }] : [...given];
    const context = new ExecutionContextHost(args, Handlers, Handlers.prototype[handler]);
    context.setType(type);
    return context;
  };

  const own = () => ({ cookie: `__Host-session=${token}` });
  const EMBEDDED = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
  const FOREIGN = { 'sec-fetch-site': 'cross-site', origin: 'https://attacker.example' };
  const csrf = async (context: ExecutionContext) => app.get(CsrfGuard, { strict: false }).canActivate(context);
  const guard = (context: ExecutionContext) => app.get(SessionGuard).canActivate(context);
  const http = async (context: ExecutionContext) => app.get(HttpSessions).get(context);
  const refusedAs = (error: string) => expect.objectContaining({ response: expect.objectContaining({ error }) });

  describe.each(Object.entries(SHAPES))('%s', (_, { type, give, hasResponse }) => {
    const call = (method: string, headers: Headers, operation = 'query') =>
      contextOf(type, give(new FakeRequest(method, headers)), { operation });

    it('is found by SessionGuard', async () => {
      const context = call('GET', own());
      expect(await guard(context)).toBe(true);
      expect(app.get(HttpSessions).getAccepted(context).userId).toBe('ada');
      await expect(guard(call('GET', {}))).rejects.toEqual(refusedAs('unauthenticated'));
    });

    it('is found by CsrfGuard', async () => {
      expect(await csrf(call('POST', { 'sec-fetch-site': 'same-origin' }, 'mutation'))).toBe(true);
      await expect(csrf(call('POST', FOREIGN, 'mutation'))).rejects.toEqual(refusedAs('csrf_rejected'));
      expect(rejections.map(({ refusal, method }) => [refusal, method])).toEqual([['cross-site', 'POST']]);
      expect(await csrf(call('GET', EMBEDDED))).toBe(true);
    });

    it('is refused its session where another site sent it, without CsrfGuard too', async () => {
      await expect(http(call('POST', { ...own(), ...FOREIGN }))).rejects.toEqual(refusedAs('csrf_rejected'));
    });

    it('is found for @CurrentHttpSession(), one session for all that ask', async () => {
      const context = call('GET', own());
      const session = await http(context);
      expect(await session.current()).toMatchObject({ userId: 'ada' });
      expect(await http(context)).toBe(session);
      const refusal = 'in GraphQL on Fastify the context has to hold the response';
      const answer = http(call('POST', {}))
        .then((other) => other.signIn({ userId: 'bob' }))
        .then(({ userId }) => userId, String);
      expect(await answer).toContain(hasResponse ? 'bob' : refusal);
    });

    it('is found by the isolation of responses', async () => {
      await expect(http(call('GET', { ...own(), ...EMBEDDED }))).rejects.toEqual(refusedAs('cross_site_refused'));
      await expect(guard(call('GET', { ...own(), ...EMBEDDED }))).rejects.toEqual(refusedAs('cross_site_refused'));
    });
  });

  describe.each(Object.entries(NO_REQUESTS))('%s', (_, given) => {
    it('is refused by SessionGuard, and as a mutation by CsrfGuard, and has no session', async () => {
      await expect(guard(contextOf('graphql', given))).rejects.toThrow(SessionContextError);
      await expect(csrf(contextOf('graphql', given, { operation: 'mutation' }))).rejects.toEqual(
        refusedAs('csrf_rejected'),
      );
      expect(rejections.map(({ refusal }) => refusal)).toEqual(['no-request']);
      expect(await csrf(contextOf('graphql', given))).toBe(true);
      expect(await (await http(contextOf('graphql', given))).current()).toBeUndefined();
      expect(() => app.get(HttpSessions).getAccepted(contextOf('graphql', given))).toThrow('no SessionGuard');
    });
  });

  it.each([
    ['http', SessionContextError],
    ['rpc', SessionContextError],
    ['ws', SessionArgumentError],
  ])('that is none does not lead to a %s handler’s session', async (type, refusal) => {
    for (const given of [['text'], [{ headers: 'x' }], [{ url: '/' }]]) {
      expect(await csrf(contextOf(type, given))).toBe(true);
      await expect(guard(contextOf(type, given))).rejects.toThrow(refusal);
    }
  });

  it('is refused as often as it comes, when the context that all operations share holds none', async () => {
    const shared = [{ user: 'ada' }];
    for (let operation = 0; operation < 2; operation += 1) {
      const context = contextOf('graphql', shared, { operation: 'mutation' });
      await expect(csrf(context)).rejects.toEqual(refusedAs('csrf_rejected'));
    }
    expect(rejections).toHaveLength(2);
    expect(await csrf(contextOf('graphql', shared))).toBe(true);
  });

  describe('with one handler that is exempt and one that is not', () => {
    const foreign = () => {
      const given = [{ req: new FakeRequest('POST', { ...own(), ...FOREIGN }), res: new FakeResponse() }];
      const of = (handler: 'handle' | 'webhook') => contextOf('graphql', given, { handler, operation: 'mutation' });
      return { exempt: of('webhook'), protectedOne: of('handle') };
    };

    it('opens the exempt one alone, whichever is asked first', async () => {
      const first = foreign();
      expect(await csrf(first.exempt)).toBe(true);
      await expect(csrf(first.protectedOne)).rejects.toEqual(refusedAs('csrf_rejected'));
      const second = foreign();
      await expect(csrf(second.protectedOne)).rejects.toEqual(refusedAs('csrf_rejected'));
      expect(await csrf(second.exempt)).toBe(true);
      // Once per request, however many handlers refused it.
      await expect(csrf(second.protectedOne)).rejects.toEqual(refusedAs('csrf_rejected'));
      expect(rejections).toHaveLength(2);
    });

    it('hands its session to guards before CsrfGuard only for the exempt one', async () => {
      const { exempt, protectedOne } = foreign();
      expect(await (await http(exempt)).current()).toMatchObject({ userId: 'ada' });
      await expect(http(protectedOne)).rejects.toEqual(refusedAs('csrf_rejected'));
      await expect(guard(protectedOne)).rejects.toEqual(refusedAs('csrf_rejected'));
      expect(await (await http(exempt)).current()).toMatchObject({ userId: 'ada' });
    });
  });
});
