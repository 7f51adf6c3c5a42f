import { ForbiddenException, Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { IsolationRejection } from '../../core/events/security-events.js';
import { SessionService } from '../../core/service/session-service.js';
import { allowsEmbedding } from '../access/session-metadata.js';
import { isTrustedOrigin, parseOrigin, type OriginRules } from '../options/origin.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { describeRequest, excerpt, quote, type CheckedRequest } from './checked-request.js';
import { isSafeMethod, readHeader, type CrossOriginRequest } from './cross-origin-check.js';

/** The headers that decide, for the `Vary` header. */
const ISOLATION_HEADERS = ['Sec-Fetch-Site', 'Sec-Fetch-Mode', 'Sec-Fetch-Dest', 'Origin'] as const;

/** Keeps other sites from embedding or fetching responses that depend on a session (ASVS 3.5.8), by the option `resourceIsolation`. */
@Injectable()
export class ResourceIsolation {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly mode: SessionSettings['resourceIsolation'];
  private readonly origins: OriginRules;
  private readonly toStoredIpAddress: IpAddressForm;

  constructor(
    @Inject(SESSION_SETTINGS) { resourceIsolation, origins, ipAddresses }: SessionSettings,
    private readonly sessions: SessionService,
  ) {
    this.mode = resourceIsolation;
    this.origins = origins;
    this.toStoredIpAddress = ipAddresses.toStored;
  }

  /**
   * Checks the request for one of its handlers, without a store call. WebSocket handshakes have their own check.
   *
   * @throws {ForbiddenException} Another site's page embeds or fetches the response and the handler does not allow it.
   */
  check(context: ExecutionContext, request: CheckedRequest): void {
    if (this.mode === undefined) return;
    const { exchange } = request;
    if (!exchange.isFound || exchange.isUpgraded || allowsEmbedding(context)) return;
    const { headers, method = 'GET' } = exchange;
    const verdict = (request.isolationVerdict ??= checkIsolation({ headers, method }, this.origins) ?? 'fine');
    if (this.mode === 'enforce') this.mark(exchange);
    if (verdict === 'fine') return;
    this.report(context, request, verdict);
    if (this.mode === 'log-only') return;
    const message = 'Cross-site request refused';
    throw new ForbiddenException({ statusCode: 403, error: 'cross_site_refused', message });
  }

  /** Marks allowed responses as well: a browser must not serve them from its cache to another site's page. */
  private mark(exchange: HttpExchange): void {
    if (exchange.isAnswered) return;
    exchange.setHeader('cross-origin-resource-policy', 'same-origin');
    exchange.addVary(...ISOLATION_HEADERS);
  }

  private report(context: ExecutionContext, request: CheckedRequest, refusal: IsolationRejection['refusal']): void {
    if (request.isIsolationReported) return;
    request.isIsolationReported = true;
    const { exchange } = request;
    const isEnforced = this.mode === 'enforce';
    const rejection: IsolationRejection = {
      refusal,
      isEnforced,
      ...describeRequest(exchange, this.toStoredIpAddress),
      secFetchMode: excerpt(exchange.headers['sec-fetch-mode']),
      secFetchDest: excerpt(exchange.headers['sec-fetch-dest']),
    };
    const { secFetchSite, secFetchMode, secFetchDest } = rejection;
    this.logger.warn(
      `isolation ${isEnforced ? 'refused' : 'would refuse'} ${context.getClass().name}.${context.getHandler().name}: ${refusal}, ` +
        `Sec-Fetch-Site ${quote(secFetchSite)}, Mode ${quote(secFetchMode)}, Dest ${quote(secFetchDest)}`,
    );
    this.sessions.events.emit('isolation-rejected', rejection);
  }
}

/**
 * Returns how another site's page uses the response; `undefined` when it does not. This is the resource isolation policy of
 * W3C Fetch Metadata, for the methods that `checkCrossOrigin` allows. Links from any site are allowed.
 *
 * Browsers without `Sec-Fetch-Site` are allowed: `Cross-Origin-Resource-Policy` protects those.
 */
export function checkIsolation(
  { method, headers }: CrossOriginRequest,
  rules: Pick<OriginRules, 'trusted'>,
): IsolationRejection['refusal'] | undefined {
  if (!isSafeMethod(method)) return undefined;
  const site = readHeader(headers, 'sec-fetch-site');
  if (site === '' || site === 'same-origin' || site === 'none') return undefined;
  const mode = readHeader(headers, 'sec-fetch-mode');
  // A list of what is allowed: frames and objects navigate too, with other destinations.
  if (method === 'GET' && mode === 'navigate' && readHeader(headers, 'sec-fetch-dest') === 'document') return undefined;
  if (mode !== 'cors') return 'embedded';
  const origin = parseOrigin(readHeader(headers, 'origin'));
  return origin && isTrustedOrigin(origin, rules) ? undefined : 'fetched';
}
