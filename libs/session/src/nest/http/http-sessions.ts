import { Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { takeConfirmation } from '../../core/authentication/confirmations.js';
import { normalizeUserAgent } from '../../core/client/client-details.js';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import { SessionService } from '../../core/service/session-service.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import type { Session } from '../../core/session/session.js';
import { CsrfProtection } from '../cross-site/csrf-protection.js';
import { ResourceIsolation } from '../cross-site/resource-isolation.js';
import { isTouching } from '../access/session-metadata.js';
import type { SessionRefusal } from '../access/session-refusal.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS, SESSION_STORE } from '../options/session.constants.js';
import { OpenResponses } from '../connections/open-responses.js';
import { HttpExchange } from '../request/http-exchange.js';
import { findHttpParts } from '../request/http-parts.js';
import type { HttpSession } from './http-session.interface.js';
import type { RequestSessionParts } from './request-session-parts.interface.js';
import { RequestSession } from './request-session.js';
import { SessionTransports } from '../transport/session-transports.js';

interface OpenedSession {
  readonly http: RequestSession;
  accepted?: Session;
}

/** Hands out the one `HttpSession` of each request, whoever asks first: a guard, a decorator, an interceptor. */
@Injectable()
export class HttpSessions {
  private readonly opened = new WeakMap<object, OpenedSession>();
  private readonly parts: RequestSessionParts;

  constructor(
    private readonly reflector: Reflector,
    private readonly csrf: CsrfProtection,
    private readonly isolation: ResourceIsolation,
    private readonly service: SessionService,
    @Inject(SESSION_STORE) store: SessionStore,
    transports: SessionTransports,
    private readonly responses: OpenResponses,
    @Inject(SESSION_SETTINGS) { ipAddresses, onAnomaly }: SessionSettings,
  ) {
    this.parts = {
      service,
      store,
      transports,
      logger: new Logger(LOG_CONTEXT),
      toStoredIpAddress: ipAddresses.toStored,
      comparesClients: onAnomaly !== undefined,
    };
  }

  /**
   * @param context - Of an HTTP request, or of a GraphQL operation whose context holds one.
   * @throws {ForbiddenException} Another site sent the request. Guards of the application may come before `CsrfGuard`;
   *   no session is handed out to them either. With `resourceIsolation`: another site's page embeds the answer.
   */
  get(context: ExecutionContext): HttpSession {
    return this.open(context).http;
  }

  /** Says which session a guard let in, for `@CurrentSession()`. */
  accept(context: ExecutionContext, session: Session): void {
    this.open(context).accepted = session;
    this.responses.hold(context, session);
  }

  /** Uses up a confirmation of the session: `true` for one of parallel calls. */
  async takeConfirmation(session: Session, action: string): Promise<boolean> {
    const isConfirmed = takeConfirmation(session.data, { action, now: session.checkedAt }).taken;
    if (!isConfirmed) return false;
    let isTaken = false;
    const updated = await this.parts.service.update(session, (data) => {
      const { taken, data: rest } = takeConfirmation(data, { action, now: session.checkedAt });
      isTaken = taken;
      return rest;
    });
    return updated !== undefined && isTaken;
  }

  /** Says that a guard did not let a session in before its user proves more. The client of a socket is not known. */
  tellOfStepUp(
    context: ExecutionContext,
    { session, reason }: Exclude<SessionRefusal, { reason: 'unauthenticated' }>,
  ): void {
    const exchange = findHttpParts(context) && new HttpExchange(context);
    this.service.events.emit('step-up-required', {
      at: new Date(),
      id: session.id,
      userId: session.userId,
      reason,
      ipAddress: this.parts.toStoredIpAddress(exchange?.ipAddress),
      userAgent: normalizeUserAgent(exchange?.userAgent),
    });
  }

  /** @throws {SessionArgumentError} No `SessionGuard` let this request in, so there is no session to speak of. */
  getAccepted(context: ExecutionContext): Session {
    const accepted = findHttpParts(context) ? this.open(context).accepted : undefined;
    if (accepted) return accepted;
    const handler = `${context.getClass().name}.${context.getHandler().name}`;
    throw new SessionArgumentError(
      `${handler} takes @CurrentSession() but no SessionGuard let the request in: guard it, or on a public route take @CurrentHttpSession() and ask current()`,
    );
  }

  private open(context: ExecutionContext): OpenedSession {
    // Each time: resolvers of one request may differ in whether they allow it.
    this.isolation.check(context);
    const key = HttpExchange.keyOf(context);
    const known = this.opened.get(key);
    if (known) return known;
    this.csrf.check(context);
    const settings = { exchange: new HttpExchange(context), touch: isTouching(this.reflector, context) };
    const opened: OpenedSession = { http: new RequestSession(this.parts, settings) };
    this.opened.set(key, opened);
    return opened;
  }
}
