import { ForbiddenException, Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { CsrfRejection } from '../../core/events/session-events.js';
import { SessionService } from '../../core/service/session-service.js';
import { isCsrfExempt } from '../access/session-metadata.js';
import { HttpExchange } from '../request/http-exchange.js';
import type { CsrfSettings } from '../options/csrf-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { checkCrossOrigin } from './cross-origin-check.js';
import { findCsrfCall, type CsrfCall } from '../request/csrf-call.js';
import { excerpt, quote } from './header-excerpt.js';

/** Refuses unsafe requests that other sites made a browser send, whoever asks first: the guard or a session. */
@Injectable()
export class CsrfProtection {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly settings: CsrfSettings | undefined;
  private readonly toStoredIpAddress: IpAddressForm;
  /** Requests that were told of, by Node's request object. */
  private readonly reported = new WeakSet();

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    private readonly sessions: SessionService,
  ) {
    this.settings = settings.csrf;
    this.toStoredIpAddress = settings.ipAddresses.toStored;
  }

  /**
   * Asks no store.
   *
   * @returns The call, when it was checked: not when protection is off, the handler exempt, or no HTTP request led to it.
   * @throws {ForbiddenException} Another site sent it.
   */
  check(context: ExecutionContext): CsrfCall | undefined {
    if (!this.settings) return undefined;
    const call = findCsrfCall(context);
    if (!call || isCsrfExempt(context)) return undefined;
    const refusal = call.request ? checkCrossOrigin(call.request, this.settings) : 'no-request';
    if (refusal) this.refuse(call, { refusal, context });
    return call;
  }

  /** @throws {ForbiddenException} Unless requests are only logged. */
  refuse(call: CsrfCall, { refusal, context }: { refusal: CsrfRejection['refusal']; context: ExecutionContext }): void {
    const isEnforced = this.settings?.mode !== 'log-only';
    this.report(call, { refusal, isEnforced, context });
    if (!isEnforced) return;
    if (call.http) {
      const exchange = new HttpExchange(call.http);
      if (!exchange.isAnswered) exchange.addVary('Sec-Fetch-Site', 'Origin');
    }
    const message = refusal === 'no-token' ? 'CSRF token missing or wrong' : 'Cross-origin request refused';
    throw new ForbiddenException({ statusCode: 403, error: 'csrf_rejected', message });
  }

  private report(
    { request }: CsrfCall,
    { refusal, isEnforced, context }: Pick<CsrfRejection, 'refusal' | 'isEnforced'> & { context: ExecutionContext },
  ): void {
    const key = request?.raw ?? request ?? context;
    if (this.reported.has(key)) return;
    this.reported.add(key);
    const rejection: CsrfRejection = {
      refusal,
      isEnforced,
      method: request?.method ?? null,
      origin: excerpt(request?.headers.origin),
      secFetchSite: excerpt(request?.headers['sec-fetch-site']),
      at: new Date(),
      ipAddress: this.toStoredIpAddress(request?.ip),
      userAgent: normalizeUserAgent([request?.headers['user-agent'] ?? []].flat()[0]),
    };
    const { method, origin, secFetchSite } = rejection;
    // The handler's name instead of the address, which may hold secrets.
    this.logger.warn(
      `csrf ${isEnforced ? 'refused' : 'would refuse'} ${quote(method)} ${context.getClass().name}.${context.getHandler().name}: ` +
        `${refusal}, Sec-Fetch-Site ${quote(secFetchSite)}, Origin ${quote(origin)}`,
    );
    this.sessions.events.emit('csrf-rejected', rejection);
  }
}
