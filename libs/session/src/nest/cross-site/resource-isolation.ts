import { ForbiddenException, Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { IsolationRejection } from '../../core/events/security-events.js';
import { SessionService } from '../../core/service/session-service.js';
import { allowsEmbedding } from '../access/session-metadata.js';
import { HttpExchange } from '../request/http-exchange.js';
import { findHttpParts, type HttpParts } from '../request/http-parts.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import type { CrossOriginRules } from '../options/origin.js';
import { excerpt, quote } from './header-excerpt.js';
import { checkIsolation, ISOLATION_HEADERS } from './isolation-check.js';

const NO_ORIGINS: CrossOriginRules['trustedOrigins'] = new Set();

/** Keeps what a session sees from becoming a part of other sites' pages (ASVS 3.5.8), with the option `resourceIsolation`. */
@Injectable()
export class ResourceIsolation {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly mode: SessionSettings['resourceIsolation'];
  private readonly rules: Pick<CrossOriginRules, 'trustedOrigins'>;
  private readonly toStoredIpAddress: SessionSettings['ipAddresses']['toStored'];
  /** Requests that were told of. */
  private readonly reported = new WeakSet();

  constructor(
    @Inject(SESSION_SETTINGS) { resourceIsolation, csrf, ipAddresses }: SessionSettings,
    private readonly sessions: SessionService,
  ) {
    this.mode = resourceIsolation;
    this.rules = { trustedOrigins: csrf?.trustedOrigins ?? NO_ORIGINS };
    this.toStoredIpAddress = ipAddresses.toStored;
  }

  /**
   * Asks no store. A handshake of a WebSocket has a check of its own.
   *
   * @throws {ForbiddenException} A page of another site wants the answer for itself.
   */
  check(context: ExecutionContext): void {
    if (this.mode === undefined) return;
    const parts = findHttpParts(context);
    if (!parts || parts.isUpgraded || allowsEmbedding(context)) return;
    const { headers, method = 'GET' } = parts.request;
    const refusal = checkIsolation({ headers, method }, this.rules);
    if (this.mode === 'enforce') this.mark(new HttpExchange(context));
    if (!refusal) return;
    this.report(parts, { refusal, context });
    if (this.mode === 'log-only') return;
    const message = 'Cross-site request refused';
    throw new ForbiddenException({ statusCode: 403, error: 'cross_site_refused', message });
  }

  /** Also what is let through: a browser must not take it from its cache for the page of another site. */
  private mark(exchange: HttpExchange): void {
    if (exchange.isAnswered) return;
    exchange.setHeader('cross-origin-resource-policy', 'same-origin');
    exchange.addVary(...ISOLATION_HEADERS);
  }

  private report(
    { request, key }: HttpParts,
    { refusal, context }: Pick<IsolationRejection, 'refusal'> & { context: ExecutionContext },
  ): void {
    if (this.reported.has(key)) return;
    this.reported.add(key);
    const { headers } = request;
    const isEnforced = this.mode === 'enforce';
    const rejection: IsolationRejection = {
      refusal,
      isEnforced,
      method: request.method ?? null,
      origin: excerpt(headers.origin),
      secFetchSite: excerpt(headers['sec-fetch-site']),
      secFetchMode: excerpt(headers['sec-fetch-mode']),
      secFetchDest: excerpt(headers['sec-fetch-dest']),
      at: new Date(),
      ipAddress: this.toStoredIpAddress(request.ip),
      userAgent: normalizeUserAgent([headers['user-agent'] ?? []].flat()[0]),
    };
    const { secFetchSite, secFetchMode, secFetchDest } = rejection;
    this.logger.warn(
      `isolation ${isEnforced ? 'refused' : 'would refuse'} ${context.getClass().name}.${context.getHandler().name}: ${refusal}, ` +
        `Sec-Fetch-Site ${quote(secFetchSite)}, Mode ${quote(secFetchMode)}, Dest ${quote(secFetchDest)}`,
    );
    this.sessions.events.emit('isolation-rejected', rejection);
  }
}
