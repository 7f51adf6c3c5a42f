import {
  Inject,
  Injectable,
  Logger,
  type ExecutionContext,
  type OnApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { normalizeUserAgent } from '../../core/client/client-details.js';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import { SessionService } from '../../core/service/session-service.js';
import type { Session } from '../../core/session/session.js';
import { isTouching } from '../access/session-metadata.js';
import type { SessionRefusal } from '../access/session-refusal.js';
import { OpenResponses } from '../connections/open-responses.js';
import type { CheckedRequest } from '../cross-site/checked-request.js';
import { CsrfProtection } from '../cross-site/csrf-protection.js';
import { ResourceIsolation } from '../cross-site/resource-isolation.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { CallMemo } from '../request/call-memo.js';
import { findCallKey, findHttpCall, findRequestKey } from '../request/http-call.js';
import { HttpExchange } from '../request/http-exchange.js';
import { SessionTransports } from '../transport/session-transports.js';
import { addRunning, enterSource, nameOf, removeRunning, type SessionSource } from './current-sessions.js';
import type { HttpSession } from './http-session.interface.js';
import type { RequestSessionParts } from './request-authentication.js';
import { RequestSession } from './request-session.js';

/** One request with its verdicts and its session. Guards, interceptors and decorators share it. */
export interface RequestRecord extends CheckedRequest {
  readonly key: object;
  session?: RequestSession;
  /** The session that a guard accepted. */
  accepted?: Session;
}

/** Gives guards, decorators and interceptors the one `HttpSession` of each request. */
@Injectable()
export class HttpSessions implements SessionSource, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly records = new CallMemo<RequestRecord>();
  private readonly parts: RequestSessionParts;

  constructor(
    private readonly csrf: CsrfProtection,
    private readonly isolation: ResourceIsolation,
    private readonly service: SessionService,
    transports: SessionTransports,
    private readonly responses: OpenResponses,
    @Inject(SESSION_SETTINGS) { ipAddresses, onAnomaly }: SessionSettings,
  ) {
    this.parts = {
      service,
      transports,
      logger: new Logger(LOG_CONTEXT),
      toStoredIpAddress: ipAddresses.toStored,
      comparesClients: onAnomaly !== undefined,
    };
  }

  // Not in onModuleInit: where that of another module fails, nobody calls this application's shutdown.
  onApplicationBootstrap(): void {
    addRunning(this);
  }

  onApplicationShutdown(): void {
    removeRunning(this);
  }

  /**
   * Returns the `HttpSession` of a request.
   *
   * @example
   * const session = await this.httpSessions.get(context).current();
   *
   * @param context - Of an HTTP request, or of a GraphQL operation whose context holds one.
   * @throws {ForbiddenException} Another site sent the request. This also protects guards that run before `CsrfGuard`. With `resourceIsolation`: another site's page embeds the answer.
   */
  get(context: ExecutionContext): HttpSession {
    return this.open(context);
  }

  /** @internal Returns the record of the request. Nothing is checked yet. */
  recordOf(context: ExecutionContext): RequestRecord {
    const requestKey = findRequestKey(context);
    const entered = requestKey && this.records.get(requestKey);
    if (entered) return entered;
    const call = findHttpCall(context);
    const key = call?.key ?? findCallKey(context) ?? context;
    const known = this.records.get(key);
    if (known) return known;
    const record: RequestRecord = {
      key,
      exchange: new HttpExchange(call),
      csrfVerdict: undefined,
      isolationVerdict: undefined,
      isCsrfReported: false,
      isIsolationReported: false,
      session: undefined,
      accepted: undefined,
    };
    this.records.set(key, record);
    return record;
  }

  /** @internal The first step of every call. From now on, parameter decorators find this application by the request. */
  enter(context: ExecutionContext): RequestRecord {
    const record = this.recordOf(context);
    enterSource(record.key, this);
    return record;
  }

  /** @internal As `get`, for a request whose record is at hand. */
  open(context: ExecutionContext, record: RequestRecord = this.recordOf(context)): RequestSession {
    // Checked for every handler: resolvers of one request may have different exemptions.
    this.isolation.check(context, record);
    this.csrf.check(context, record);
    return (record.session ??= new RequestSession(this.parts, {
      exchange: record.exchange,
      touch: isTouching(context),
    }));
  }

  /** Records which session a guard accepted, for `@CurrentSession()`. */
  accept(context: ExecutionContext, session: Session): void {
    const record = this.recordOf(context);
    record.accepted = session;
    this.responses.hold(context, { session, exchange: record.exchange });
  }

  /** Uses up a confirmation, as `SessionService.takeConfirmation`. */
  takeConfirmation(session: Session, action: string): Promise<boolean> {
    return this.service.takeConfirmation(session, action);
  }

  /** Emits `step-up-required` for a session that a guard refused. The client of a socket is unknown. */
  emitStepUpRequired(
    context: ExecutionContext,
    { session, reason }: Exclude<SessionRefusal, { reason: 'unauthenticated' }>,
  ): void {
    const { exchange } = this.recordOf(context);
    this.service.events.emit('step-up-required', {
      at: new Date(),
      id: session.id,
      userId: session.userId,
      reason,
      ipAddress: this.parts.toStoredIpAddress(exchange.ipAddress),
      userAgent: normalizeUserAgent(exchange.userAgent),
    });
  }

  /** @throws {SessionArgumentError} No `SessionGuard` accepted a session for this request. */
  getAccepted(context: ExecutionContext): Session {
    const record = this.recordOf(context);
    if (record.exchange.isFound) this.open(context, record);
    if (record.accepted) return record.accepted;
    throw new SessionArgumentError(
      `${nameOf(context)} takes @CurrentSession() but no SessionGuard accepted a session: guard the route, on a public one take ` +
        '@CurrentHttpSession() and ask current(), and in a test that overrides the guard call provideSession(context, { session })',
    );
  }
}
