import { normalizeUserAgent } from '../../core/client/client-details.js';
import { Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { isUnavailable, SessionArgumentError } from '../../core/session/session-errors.js';
import { SessionService } from '../../core/service/session-service.js';
import { awaitsProof, type Session } from '../../core/session/session.js';
import { OpenConnections } from '../connections/open-connections.js';
import { SessionTransports } from '../transport/session-transports.js';
import type { SessionSettings } from '../options/session-settings.js';
import type { OriginRules } from '../options/origin.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { isTrustedHandshake, type HandshakeHeaders } from './handshake-origin.js';
import { toSocketClient, type Refusal, type SocketClient } from './socket-client.js';

/** The state of one client. */
interface KnownSocket {
  readonly client: SocketClient;
  session?: Session;
  /** The handshake being authenticated. */
  opening?: Promise<Session | undefined>;
  /** Removes it from the connections that close with the session. */
  release?: () => void;
  /** Whether the connection has closed. */
  isOver: boolean;
}

export interface AcceptSocketOptions {
  /** Whether a session without a user is enough. Default `false`. */
  readonly allowAnonymous?: boolean;
}

// Nest injects nothing into parameter decorators, so they look up clients here.
const latest = new WeakMap<object, KnownSocket>();

const UNAUTHENTICATED: Refusal = { statusCode: 401, error: 'unauthenticated', message: 'Unauthorized' };
const WRONG_ORIGIN: Refusal = { statusCode: 403, error: 'origin_not_allowed', message: 'Forbidden' };
const UNAVAILABLE: Refusal = { statusCode: 503, error: 'sessions_unavailable', message: 'Service Unavailable' };
const BROKEN: Refusal = { statusCode: 500, error: 'internal_error', message: 'Internal server error' };

/**
 * The sessions of WebSocket clients, for socket.io and ws.
 *
 * The handshake of a client is authenticated once. After that, `SessionGuard` looks its session up by id for every message,
 * because the cookie may have been rotated since. When the session ends, the client is closed.
 */
@Injectable()
export class SessionSockets {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly known = new WeakMap<object, KnownSocket>();
  private readonly origins: OriginRules;

  constructor(
    private readonly service: SessionService,
    private readonly transports: SessionTransports,
    private readonly connections: OpenConnections,
    @Inject(SESSION_SETTINGS) { origins }: SessionSettings,
  ) {
    this.origins = origins;
  }

  /**
   * Returns whether the `Origin` of a handshake may use its visitor's session. `accept` and `SessionGuard` check this
   * themselves. Call it in `allowRequest` of socket.io or `verifyClient` of ws to refuse before the socket opens.
   */
  isTrusted(headers: HandshakeHeaders): boolean {
    return isTrustedHandshake(headers, this.origins);
  }

  /**
   * Accepts a client with a live session and closes any other. Call it in `handleConnection` of a gateway. Never rejects.
   *
   * A refused client receives an `exception` and is closed. With ws the code is 4401 (no live session), 4403 (page of
   * another site) or 1013 (the store does not answer, try again).
   *
   * @example
   * async handleConnection(client: WebSocket, request: IncomingMessage) {
   *   const session = await this.sockets.accept(client, request);
   *   if (session) this.clients.set(client, session.userId);
   * }
   *
   * @param request - The second argument of `handleConnection`. Required for ws, ignored for socket.io.
   * @returns `undefined` when the client was closed.
   */
  async accept(client: object, request?: unknown, options: AcceptSocketOptions = {}): Promise<Session | undefined> {
    let socket: KnownSocket | undefined;
    try {
      socket = this.open(client, request);
      // Nest calls every gateway of a server for each connection.
      const session = socket.session
        ? await this.current(client, { touch: true })
        : await this.authenticate(socket, { touch: true });
      if (session && !socket.isOver && (session.userId !== null || options.allowAnonymous)) return session;
      this.refuse(socket, UNAUTHENTICATED);
    } catch (error) {
      if (isUnavailable(error)) this.logger.debug(`a socket was refused: ${error.message}`);
      else this.logger.error(error);
      const { client: refused } = socket ?? { client: toSocketClient(client, { headers: {} }) };
      refused?.refuse(isUnavailable(error) ? UNAVAILABLE : BROKEN);
      if (socket) socket.isOver = true;
    }
    return undefined;
  }

  /**
   * Finds the live session of a client that sent a message. Closes a client whose session has ended.
   *
   * @throws {SessionStoreUnavailableError} The store does not answer. The client stays connected.
   * @throws {SessionArgumentError} A ws client that was never accepted.
   */
  async current(client: object, { touch }: { touch: boolean }): Promise<Session | undefined> {
    const socket = this.open(client);
    if (socket.isOver) return undefined;
    if (!socket.session) {
      const opened = await this.authenticate(socket, { touch });
      if (!opened && !socket.isOver) this.refuse(socket, UNAUTHENTICATED);
      return socket.isOver ? undefined : opened;
    }
    const session = await this.service.recheck(socket.session, { touch });
    if (socket.isOver) return undefined;
    if (session && !awaitsProof(session)) return (socket.session = session);
    this.refuse(socket, UNAUTHENTICATED);
    return undefined;
  }

  /** Returns the session of this client's latest message. */
  findAccepted(client: object): Session | undefined {
    return acceptedOf(this.known.get(client));
  }

  private open(client: object, request?: unknown): KnownSocket {
    const known = this.known.get(client);
    if (known) return known;
    const socket = toSocketClient(client, request);
    if (!socket) {
      throw new SessionArgumentError(
        'the handshake of this socket is not known, as ws does not keep it: let the gateway implement ' +
          'handleConnection(client, request) and call SessionSockets.accept(client, request) there',
      );
    }
    const opened: KnownSocket = { client: socket, isOver: false };
    this.known.set(client, opened);
    latest.set(client, opened);
    // Before anything else: a client may leave before its handshake is authenticated.
    socket.onceClosed(() => {
      opened.isOver = true;
      opened.release?.();
    });
    return opened;
  }

  private authenticate(socket: KnownSocket, options: { touch: boolean }): Promise<Session | undefined> {
    return (socket.opening ??= this.check(socket, options).finally(() => {
      socket.opening = undefined;
    }));
  }

  private async check(socket: KnownSocket, options: { touch: boolean }): Promise<Session | undefined> {
    const { headers } = socket.client;
    if (!this.isTrusted(headers)) {
      this.logger.warn('a socket was refused: a page of another site opened it (Origin); see the option origins');
      this.refuse(socket, WRONG_ORIGIN);
      return undefined;
    }
    const { token, contradiction } = this.transports.read({
      cookieHeader: headers.cookie,
      authorizationHeaders: headers.authorization === undefined ? [] : [headers.authorization].flat(),
    });
    const userAgent = normalizeUserAgent([headers['user-agent'] ?? []].flat()[0]);
    if (contradiction !== undefined) {
      this.logger.warn(`ambiguous: a socket came with ${contradiction}`);
      this.service.events.emit('cookie-ambiguous', { at: new Date(), contradiction, ipAddress: null, userAgent });
    }
    this.connections.listen();
    const checked = await this.service.authenticate(token, { ...options, rotate: false, client: { userAgent } });
    if (checked.outcome !== 'live') {
      const why = checked.outcome === 'absent' ? checked.reason : checked.outcome;
      this.logger.debug(`a socket has no live session: ${why}`);
      return undefined;
    }
    if (socket.isOver) return undefined;
    const { session } = checked;
    socket.session = session;
    socket.release = this.connections.add({ session, close: () => this.refuse(socket, UNAUTHENTICATED) });
    return session;
  }

  private refuse(socket: KnownSocket, refusal: Refusal): void {
    if (socket.isOver) return;
    socket.isOver = true;
    socket.client.refuse(refusal);
  }
}

/** Returns the session of the client that sent this message; `undefined` for other kinds of calls. */
export function findAcceptedOfSocket(context: ExecutionContext): Session | undefined {
  return context.getType() === 'ws' ? acceptedOf(latest.get(context.getArgByIndex<object>(0))) : undefined;
}

function acceptedOf(socket: KnownSocket | undefined): Session | undefined {
  return socket?.isOver ? undefined : socket?.session;
}
