import { ForbiddenException, Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { CsrfRejection } from '../../core/events/session-events.js';
import { SessionService } from '../../core/service/session-service.js';
import { isCsrfExempt } from '../access/session-metadata.js';
import type { CsrfSettings } from '../options/csrf-settings.js';
import type { OriginRules } from '../options/origin.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { isGraphqlMutation } from '../request/http-call.js';
import { describeRequest, quote, type CheckedRequest } from './checked-request.js';
import { checkCrossOrigin, isSafeMethod } from './cross-origin-check.js';

/** Refuses unsafe requests of other sites before a guard or handler gets their session. */
@Injectable()
export class CsrfProtection {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly settings: CsrfSettings | undefined;
  private readonly origins: OriginRules;
  private readonly toStoredIpAddress: IpAddressForm;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    private readonly sessions: SessionService,
  ) {
    this.settings = settings.csrf;
    this.origins = settings.origins;
    this.toStoredIpAddress = settings.ipAddresses.toStored;
  }

  /**
   * Checks the request for one of its handlers, without a store call. The verdict is computed once per request.
   *
   * @throws {ForbiddenException} Another site sent the request and the handler is not exempt.
   */
  check(context: ExecutionContext, request: CheckedRequest): void {
    if (!this.settings) return;
    const verdict = request.csrfVerdict ?? this.judge(context, request);
    if (verdict === 'fine' || isCsrfExempt(context)) return;
    this.refuse(verdict, { request, context });
  }

  /** Returns whether the handler requires a CSRF token from this request, if it has a session to protect. */
  needsToken(context: ExecutionContext, { exchange }: CheckedRequest): boolean {
    if (this.settings?.token !== 'required' || exchange.method === undefined) return false;
    return !isSafeMethod(exchange.method) && !isCsrfExempt(context);
  }

  /** @throws {ForbiddenException} Unless the mode is `log-only`. */
  refuse(
    refusal: CsrfRejection['refusal'],
    { request, context }: { request: CheckedRequest; context: ExecutionContext },
  ): void {
    const isEnforced = this.settings?.mode !== 'log-only';
    this.report(context, request, { refusal, isEnforced });
    if (!isEnforced) return;
    const { exchange } = request;
    if (!exchange.isAnswered) exchange.addVary('Sec-Fetch-Site', 'Origin');
    const message = refusal === 'no-token' ? 'CSRF token missing or wrong' : 'Cross-origin request refused';
    throw new ForbiddenException({ statusCode: 403, error: 'csrf_rejected', message });
  }

  private judge(context: ExecutionContext, request: CheckedRequest): CsrfRejection['refusal'] | 'fine' {
    const { method, headers } = request.exchange;
    // Not remembered: several operations may share a context without a request.
    if (method === undefined || !this.settings) return isGraphqlMutation(context) ? 'no-request' : 'fine';
    return (request.csrfVerdict = checkCrossOrigin({ method, headers }, this.origins) ?? 'fine');
  }

  private report(
    context: ExecutionContext,
    request: CheckedRequest,
    verdict: Pick<CsrfRejection, 'refusal' | 'isEnforced'>,
  ): void {
    if (request.isCsrfReported) return;
    request.isCsrfReported = request.exchange.isFound;
    const rejection: CsrfRejection = { ...verdict, ...describeRequest(request.exchange, this.toStoredIpAddress) };
    const { refusal, isEnforced, method, origin, secFetchSite } = rejection;
    // The handler's name instead of the URL, which may contain secrets.
    this.logger.warn(
      `csrf ${isEnforced ? 'refused' : 'would refuse'} ${quote(method)} ${context.getClass().name}.${context.getHandler().name}: ` +
        `${refusal}, Sec-Fetch-Site ${quote(secFetchSite)}, Origin ${quote(origin)}`,
    );
    this.sessions.events.emit('csrf-rejected', rejection);
  }
}
