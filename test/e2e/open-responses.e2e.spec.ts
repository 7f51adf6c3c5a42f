import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Sse, StreamableFile, UseGuards, type MessageEvent } from '@nestjs/common';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { CloseWithSession, CurrentSession, Public, SessionGuard, type Session } from 'nest-sessions';
import { Observable } from 'rxjs';
import { OpenConnections } from '#src/nest/connections/open-connections.js';
import { Gate } from '../support/barrier.js';
import { SHARED_BACKENDS, shareMemory, type SharedBackend } from '../support/shared-backends.js';
import { waitUntil } from '../support/poll.js';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';

let producers = 0;

function tick(): Observable<MessageEvent> {
  return new Observable<MessageEvent>((subscriber) => {
    producers += 1;
    let count = 0;
    const timer = setInterval(() => subscriber.next({ data: { count: count++ } }), 5);
    return () => {
      producers -= 1;
      clearInterval(timer);
    };
  });
}

function stream(): StreamableFile {
  const body = new PassThrough();
  body.write('the first part');
  return new StreamableFile(body);
}

@UseGuards(SessionGuard)
@Controller()
class StreamController {
  @Sse('events')
  events(@CurrentSession() _session: Session): Observable<MessageEvent> {
    return tick();
  }

  @Public()
  @Sse('public-events')
  publicEvents(): Observable<MessageEvent> {
    return tick();
  }

  @CloseWithSession()
  @Get('export')
  export(): StreamableFile {
    return stream();
  }

  @Get('plain')
  plain(): StreamableFile {
    return stream();
  }
}

/** A response that goes on, after its first bytes came. */
class OpenStream {
  isClosed = false;
  readonly closed: Promise<void>;

  private constructor(private readonly response: IncomingMessage) {
    response.on('error', () => undefined);
    response.resume();
    this.closed = new Promise((resolve) => {
      response.once('close', () => {
        this.isClosed = true;
        resolve();
      });
    });
  }

  static async open(app: TestApp, { path, token }: { path: string; token?: string }): Promise<OpenStream> {
    const headers = token === undefined ? {} : { cookie: `__Host-session=${token}` };
    const request = get(`${await app.nest.getUrl()}${path}`, { headers, agent: false });
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`answered with ${response.statusCode}`);
    await once(response, 'readable');
    return new OpenStream(response);
  }

  abandon(): void {
    this.response.destroy();
  }
}

async function withinASecond(closed: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the response still goes on after a second')), 1000);
  });
  await Promise.race([closed, late]).finally(() => clearTimeout(timer));
}

const startStreams = (adapter: AdapterName, recheckInterval: '1h' | '200ms', backend?: SharedBackend) =>
  startTestApp({
    adapter,
    controllers: [StreamController],
    options: { ...(backend && { store: backend.define() }), sockets: { recheckInterval } },
  });

describe.each(ADAPTERS)('responses that go on, on %s', (adapter) => {
  let app: TestApp;

  afterEach(() => app.close());

  it.each(['/events', '/export'])('%s is closed when its session ends, and its producer stops', async (path) => {
    app = await startStreams(adapter, '1h');
    const [one, two] = [await app.sessions.create({ userId: 'ada' }), await app.sessions.create({ userId: 'ada' })];
    const open = await OpenStream.open(app, { path, token: one.token });
    const other = await OpenStream.open(app, { path, token: two.token });
    await app.sessions.revoke(one.session.id);
    await withinASecond(open.closed);
    expect(other.isClosed).toBe(false);
    await app.sessions.revokeAll('ada');
    await withinASecond(other.closed);
    await waitUntil('no producer is left', async () => producers === 0);
    expect((await app.client.send({ path, cookies: [`__Host-session=${one.token}`] })).status).toBe(401);
    expect(app.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('others are left alone, as are public ones', async () => {
    app = await startStreams(adapter, '1h');
    const { token, session } = await app.sessions.create({ userId: 'ada' });
    const plain = await OpenStream.open(app, { path: '/plain', token });
    const open = await OpenStream.open(app, { path: '/public-events', token });
    const tied = await OpenStream.open(app, { path: '/events', token });
    await app.sessions.revoke(session.id);
    await tied.closed;
    expect([plain.isClosed, open.isClosed]).toEqual([false, false]);
    plain.abandon();
    open.abandon();
    await Promise.all([plain.closed, open.closed]);
  });

  it('are forgotten when their client leaves', async () => {
    app = await startStreams(adapter, '1h');
    const { token } = await app.sessions.create({ userId: 'ada' });
    const connections = app.nest.get(OpenConnections, { strict: false });
    const open = await OpenStream.open(app, { path: '/events', token });
    expect(connections.size).toBe(1);
    open.abandon();
    await waitUntil('nothing is held', async () => connections.size === 0);
  });

  it('are not held for a client that left before its session was found', async () => {
    app = await startStreams(adapter, '1h');
    const { token } = await app.sessions.create({ userId: 'ada' });
    const connections = app.nest.get(OpenConnections, { strict: false });
    const gate = new Gate();
    const left = new Gate();
    app.nest.getHttpServer().on('connection', (socket: Socket) => socket.once('close', () => left.open()));
    app.store.before = (method) => (method === 'find' ? gate.pass() : undefined);
    const hasty = get(`${await app.nest.getUrl()}/events`, {
      headers: { cookie: `__Host-session=${token}` },
      agent: false,
    });
    hasty.on('error', () => undefined);
    await gate.reached;
    hasty.destroy();
    await left.pass();
    gate.open();
    const staying = await OpenStream.open(app, { path: '/events', token });
    expect(connections.size).toBe(1);
    staying.abandon();
  });
});

describe.each([...Object.keys(SHARED_BACKENDS), 'memory'])('server-sent events on two instances on %s', (name) => {
  let backend: SharedBackend;
  let apps: TestApp[] = [];

  beforeAll(async () => {
    backend = await (SHARED_BACKENDS[name]?.() ?? shareMemory());
  });
  afterEach(async () => {
    for (const proxy of backend.listening) proxy.accept();
    await Promise.all(apps.map((app) => app.close()));
  });
  afterAll(() => backend.close());

  const start = async (recheckInterval: '1h' | '200ms') => {
    apps = await Promise.all(ADAPTERS.map((adapter) => startStreams(adapter, recheckInterval, backend)));
    const [one, other] = apps;
    if (!one || !other) throw new Error('two instances are needed');
    return [one, other] as const;
  };

  it('are closed within a second after the session was revoked on the other one (ASVS 7.4.1)', async () => {
    const [one, other] = await start('1h');
    for (const [here, there] of [
      [one, other],
      [other, one],
    ] as const) {
      const { token, session } = await here.sessions.create({ userId: 'ada' });
      const open = await OpenStream.open(there, { path: '/events', token });
      expect(open.isClosed).toBe(false);
      await here.sessions.revoke(session.id);
      await withinASecond(open.closed);
    }
  });

  if (name === 'memory') return;

  it('are closed by the periodic check when no signal arrives', async () => {
    const [one, other] = await start('200ms');
    const { token, session } = await one.sessions.create({ userId: 'ada' });
    const open = await OpenStream.open(other, { path: '/events', token });
    for (const proxy of backend.listening) proxy.refuse();
    await one.sessions.revoke(session.id);
    expect(open.isClosed).toBe(false);
    await open.closed;
  });
});
