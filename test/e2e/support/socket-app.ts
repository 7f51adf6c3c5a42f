import { UseGuards, type Provider, type Type } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import {
  AllowAnonymous,
  CurrentSession,
  NoTouch,
  Public,
  RequireFreshSession,
  SessionGuard,
  SessionSockets,
  type Session,
  type SessionModuleOptions,
  type SessionStoreDefinition,
} from 'nest-sessions';
import { startTestApp, type AdapterName, type TestApp } from './test-app.js';
import { TestSocket, type SocketLibrary } from './test-sockets.js';

const whoIs = ({ id, userId }: Session) => ({ event: 'you', data: { id, userId } });

@UseGuards(SessionGuard)
@WebSocketGateway()
export class TalkGateway implements OnGatewayConnection {
  constructor(private readonly sockets: SessionSockets) {}

  async handleConnection(client: object, request?: unknown): Promise<void> {
    await this.sockets.accept(client, request, { allowAnonymous: true });
  }

  @SubscribeMessage('who')
  who(@CurrentSession() session: Session) {
    return whoIs(session);
  }

  @NoTouch()
  @SubscribeMessage('poll')
  poll(@CurrentSession() session: Session) {
    return whoIs(session);
  }

  @AllowAnonymous()
  @SubscribeMessage('cart')
  cart(@CurrentSession() session: Session) {
    return whoIs(session);
  }

  @RequireFreshSession('10m')
  @SubscribeMessage('fresh')
  fresh(@CurrentSession() session: Session) {
    return whoIs(session);
  }

  @Public()
  @SubscribeMessage('open')
  open() {
    return { event: 'opened', data: {} };
  }
}

/** Names no guard. */
@WebSocketGateway()
export class BareGateway implements OnGatewayConnection {
  constructor(private readonly sockets: SessionSockets) {}

  async handleConnection(client: object, request?: unknown): Promise<void> {
    await this.sockets.accept(client, request);
  }

  @SubscribeMessage('who')
  who(@CurrentSession() session: Session) {
    return whoIs(session);
  }
}

/** Leaves everything to the guard. */
@UseGuards(SessionGuard)
@WebSocketGateway()
export class LazyGateway {
  @SubscribeMessage('who')
  who(@CurrentSession() session: Session) {
    return whoIs(session);
  }
}

export interface SocketAppSettings {
  readonly library: SocketLibrary;
  readonly store?: SessionStoreDefinition;
  readonly sockets?: SessionModuleOptions['sockets'];
  readonly options?: Partial<SessionModuleOptions>;
  readonly gateway?: Type<object>;
  readonly providers?: readonly Provider[];
  readonly adapter?: AdapterName;
}

export interface SocketApp extends TestApp {
  /** A socket with this token in its cookie, from a page of the application itself unless told otherwise. */
  connect(token: string | undefined, headers?: Readonly<Record<string, string>>): Promise<TestSocket>;
}

export async function startSocketApp({
  library,
  store,
  sockets,
  options,
  gateway = TalkGateway,
  providers = [],
  adapter = 'express',
}: SocketAppSettings): Promise<SocketApp> {
  const app = await startTestApp({
    adapter,
    options: { ...(store && { store }), ...(sockets && { sockets }), ...options },
    providers: [...providers, gateway],
    configure: (nest) => {
      nest.useWebSocketAdapter(library === 'ws' ? new WsAdapter(nest) : new IoAdapter(nest));
    },
  });
  const url = await app.nest.getUrl();
  const opened: TestSocket[] = [];
  return {
    ...app,
    connect: async (token, headers = {}) => {
      const all: Record<string, string> = { ...headers };
      if (token !== undefined) all['cookie'] = `__Host-session=${token}`;
      const socket = await TestSocket.open({ library, url, headers: all });
      opened.push(socket);
      return socket;
    },
    close: async () => {
      for (const socket of opened) socket.close();
      await app.close();
    },
  };
}
