import { afterEach, describe, expect, it } from '@jest/globals';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { UseGuards } from '@nestjs/common';
import { Args, GraphQLModule, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import {
  AllowAnonymous,
  CurrentHttpSession,
  CurrentSession,
  memoryStore,
  Public,
  RequireFreshSession,
  SessionGuard,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { WebSocket } from 'ws';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';
import type { TestResponse } from './support/test-client.js';

const SCHEMA = `
  type Query { me: String  again: String  open: String  cart: String  fresh: String  careless: String }
  type Subscription { ticks: Int }
  type Mutation { signIn(userId: String!): String  signOut: Boolean }
`;

@UseGuards(SessionGuard)
@Resolver()
class AccountResolver {
  @Query()
  me(@CurrentSession() { userId }: Session) {
    return userId;
  }

  @Query()
  again(@CurrentSession() { id }: Session) {
    return id;
  }

  @Public()
  @Query()
  async open(@CurrentHttpSession() http: HttpSession) {
    return (await http.current())?.userId ?? 'nobody';
  }

  @AllowAnonymous()
  @Query()
  cart(@CurrentSession() { userId }: Session) {
    return userId ?? 'anonymous';
  }

  @RequireFreshSession('10m')
  @Query()
  fresh(@CurrentSession() { userId }: Session) {
    return userId;
  }

  @Public()
  @Query()
  careless(@CurrentSession() { userId }: Session) {
    return userId;
  }

  @Public()
  @Mutation()
  async signIn(@Args('userId') userId: string, @CurrentHttpSession() http: HttpSession) {
    return (await http.signIn({ userId, amr: ['pwd'] })).id;
  }

  @Subscription()
  async *ticks(@CurrentSession() _session: Session) {
    yield { ticks: await Promise.resolve(1) };
  }

  @Mutation()
  signOut(@CurrentHttpSession() http: HttpSession) {
    return http.signOut();
  }
}

interface Answer {
  readonly data: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: { readonly code: string; readonly status?: number; readonly originalError?: object };
  }[];
}

const answerOf = (response: TestResponse) => response.json() as Answer;
const errorOf = (response: TestResponse) => answerOf(response).errors?.[0];

describe.each(ADAPTERS)('SessionGuard before GraphQL resolvers on %s', (adapter) => {
  let app: TestApp;

  const contexts: Record<AdapterName, ApolloDriverConfig['context']> = {
    express: undefined,
    fastify: (req: object, reply: object) => ({ req, reply }),
  };

  const start = async (
    options: Parameters<typeof startTestApp>[0]['options'] = {},
    context: ApolloDriverConfig['context'] = contexts[adapter],
  ) => {
    app = await startTestApp({
      adapter,
      options,
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          typeDefs: SCHEMA,
          graphiql: false,
          csrfPrevention: false,
          ...(context && { context }),
        }),
      ],
      providers: [AccountResolver],
    });
    return app;
  };

  const ask = (query: string, token?: string) =>
    app.client.send({
      method: 'POST',
      path: '/graphql',
      body: { query },
      cookies: token === undefined ? [] : [`__Host-session=${token}`],
    });

  afterEach(() => app.close());

  it('lets sessions in and hands them to resolvers, with one lookup for all of an operation', async () => {
    await start();
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    app.store.calls.length = 0;
    const { data, errors } = answerOf(await ask('{ me again fresh cart open }', token));
    expect(errors).toBeUndefined();
    expect(data).toEqual({ me: 'ada', again: session.id, fresh: 'ada', cart: 'ada', open: 'ada' });
    expect(app.store.count('find')).toBe(1);
  });

  it('tells what is missing by extensions that a client can act on', async () => {
    let now = new Date();
    await start({ store: memoryStore({ now: () => now }) });
    const refused = {
      message: 'Unauthorized',
      extensions: { code: 'UNAUTHENTICATED', originalError: { statusCode: 401, error: 'unauthenticated' } },
    };
    expect(errorOf(await ask('{ me }'))).toMatchObject(refused);
    expect(errorOf(await ask('{ me }', 'A'.repeat(64)))).toMatchObject(refused);
    const anonymous = await app.sessions.create({ userId: null });
    const mixed = answerOf(await ask('{ cart me }', anonymous.token));
    expect(mixed.data).toEqual({ cart: 'anonymous', me: null });
    expect(mixed.errors).toMatchObject([refused]);
    const { token } = await app.sessions.create({ userId: 'ada' });
    now = new Date(now.getTime() + 11 * 60_000);
    expect(errorOf(await ask('{ fresh }', token))).toMatchObject({
      extensions: { code: 'UNAUTHENTICATED', originalError: { error: 'reauth_required', maxAgeSeconds: 600 } },
    });
    expect(answerOf(await ask('{ open }')).data).toEqual({ open: 'nobody' });
    expect(errorOf(await ask('{ careless }', token))?.message).toContain('no SessionGuard accepted a session');
  });

  it('sets and clears cookies on the same response', async () => {
    await start({ maxSessionsPerUser: 1, onLimit: 'reject' });
    const signedIn = await ask('mutation { signIn(userId: "ada") }');
    expect(answerOf(signedIn).errors).toBeUndefined();
    const [, token] = /^__Host-session=([^;]+);/.exec(signedIn.setCookies.join('\n')) ?? [];
    expect(signedIn.headers['cache-control']).toBe('no-store');
    expect(answerOf(await ask('{ me }', token)).data).toEqual({ me: 'ada' });
    expect(errorOf(await ask('mutation { signIn(userId: "ada") }'))).toMatchObject({
      extensions: { status: 409, originalError: { error: 'session_limit_reached' } },
    });
    const signedOut = await ask('mutation { signOut }', token);
    expect(answerOf(signedOut).data).toEqual({ signOut: true });
    expect(signedOut.setCookies).toEqual([expect.stringMatching(/^__Host-session=;.*Max-Age=0/)]);
    expect(errorOf(await ask('{ me }', token))?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('says that a store does not answer, and not that the session is over (I8)', async () => {
    await start();
    const { token } = await app.sessions.create({ userId: 'ada' });
    app.store.breakDown('find');
    const response = await ask('{ me }', token);
    expect(errorOf(response)).toMatchObject({
      extensions: { status: 503, originalError: { error: 'sessions_unavailable' } },
    });
    expect(response.headers['retry-after']).toBe('5');
    expect(response.setCookies).toEqual([]);
    app.store.recover();
    expect(answerOf(await ask('{ me }', token)).data).toEqual({ me: 'ada' });
  });

  it('refuses operations whose context holds no request, and asks a socket’s request for its origin', async () => {
    let handshake: object = {};
    await start({}, () => ({ req: handshake }));
    const { token } = await app.sessions.create({ userId: 'ada' });
    expect(errorOf(await ask('{ me }', token))?.message).toContain('the GraphQL context must hold the request as req');

    // As graphql-ws hands it on: one request for all operations of a socket.
    const headers = { upgrade: 'websocket', host: 'app.test', cookie: `__Host-session=${token}` };
    handshake = { headers: { ...headers, origin: 'https://evil.example' } };
    expect(errorOf(await ask('{ me }'))?.extensions.code).toBe('UNAUTHENTICATED');
    handshake = { headers: { ...headers, origin: 'https://app.test' } };
    expect(answerOf(await ask('{ me }')).data).toEqual({ me: 'ada' });
    await app.sessions.revokeAll('ada');
    expect(errorOf(await ask('{ me }'))?.extensions.code).toBe('UNAUTHENTICATED');
  });
});

describe('GraphQL subscriptions', () => {
  interface Frame {
    readonly id?: string;
    readonly type: string;
    readonly payload?: unknown;
  }

  /** Speaks graphql-transport-ws: subscribes and returns the first answer. */
  async function subscribe(url: string, { id, socket }: { id: string; socket?: WebSocket }, headers = {}) {
    const client = socket ?? new WebSocket(url.replace(/^http/, 'ws'), 'graphql-transport-ws', { headers });
    const answer = new Promise<Frame>((resolve) => {
      client.on('message', (data: Buffer) => {
        const frame = JSON.parse(data.toString()) as Frame;
        if (frame.type === 'connection_ack') {
          client.send(JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { ticks }' } }));
        }
        if (frame.id === id && frame.type !== 'complete') resolve(frame);
      });
    });
    if (socket) client.send(JSON.stringify({ id, type: 'subscribe', payload: { query: 'subscription { ticks }' } }));
    else client.once('open', () => client.send(JSON.stringify({ type: 'connection_init' })));
    return { frame: await answer, client };
  }

  const start = (context: ApolloDriverConfig['context']) =>
    startTestApp({
      adapter: 'express',
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({
          driver: ApolloDriver,
          typeDefs: SCHEMA,
          graphiql: false,
          subscriptions: { 'graphql-ws': true },
          context,
        }),
      ],
      providers: [AccountResolver],
    });

  const fromHandshake = ({ extra, req }: { extra?: { request: object }; req?: object }) => ({
    req: extra?.request ?? req,
  });

  it('are checked by their handshake when each of them begins, its origin included', async () => {
    const app = await start(fromHandshake as ApolloDriverConfig['context']);
    const url = `${await app.nest.getUrl()}/graphql`;
    const { token } = await app.sessions.create({ userId: 'ada' });
    const cookie = `__Host-session=${token}`;
    const { frame, client } = await subscribe(url, { id: 'a' }, { cookie });
    expect(frame).toMatchObject({ type: 'next', payload: { data: { ticks: 1 } } });
    for (const headers of [{}, { cookie, origin: 'https://evil.example' }]) {
      const refused = await subscribe(url, { id: 'b' }, headers);
      expect(JSON.stringify(refused.frame)).toContain('Unauthorized');
      refused.client.terminate();
    }
    await app.sessions.revokeAll('ada');
    const { frame: late } = await subscribe(url, { id: 'c', socket: client });
    expect(JSON.stringify(late)).toContain('Unauthorized');
    client.terminate();
    await app.close();
  });

  it('are refused when the context holds no request', async () => {
    const app = await start(undefined);
    const { token } = await app.sessions.create({ userId: 'ada' });
    const headers = { cookie: `__Host-session=${token}` };
    const { frame, client } = await subscribe(`${await app.nest.getUrl()}/graphql`, { id: 'a' }, headers);
    expect(JSON.stringify(frame)).toContain('the GraphQL context must hold the request as req');
    client.terminate();
    await app.close();
  });
});

describe('a GraphQL context without the response', () => {
  it('is enough to read the session on Fastify, and says what is missing when a cookie has to be set', async () => {
    const app = await startTestApp({
      adapter: 'fastify',
      imports: [GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, typeDefs: SCHEMA, graphiql: false })],
      providers: [AccountResolver],
    });
    const { token } = await app.sessions.create({ userId: 'ada' });
    const ask = (query: string) =>
      app.client.send({ method: 'POST', path: '/graphql', body: { query }, cookies: [`__Host-session=${token}`] });
    expect(answerOf(await ask('{ me }')).data).toEqual({ me: 'ada' });
    expect(errorOf(await ask('mutation { signIn(userId: "ada") }'))?.message).toContain(
      'context: (req, reply) => ({ req, reply })',
    );
    await app.close();
  });
});
