import type { BearerTokenFormat } from '../../core/token/bearer-token.js';
import type { CreatedSession } from '../../core/service/session-service.js';
import { formatClearSiteData } from '../options/clear-site-data.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { HttpExchange } from '../request/http-exchange.js';
import type { SessionTransport } from './session-transport.interface.js';

/** Keeps a new token until the handler takes it for the response body. */
export class BearerTransport implements SessionTransport {
  readonly name = 'bearer';
  #undelivered: string | undefined;

  constructor(
    private readonly exchange: HttpExchange,
    private readonly format: BearerTokenFormat,
  ) {}

  deliver({ token }: CreatedSession): void {
    this.#undelivered = this.format.format(token);
    // The body is about to hold a secret (RFC 6750 5.3).
    this.exchange.setHeader('cache-control', 'no-store');
  }

  withdraw(clearSiteData: readonly ClearSiteData[] = []): void {
    this.#undelivered = undefined;
    if (clearSiteData.length === 0 || this.exchange.isAnswered) return;
    this.exchange.setHeader('clear-site-data', formatClearSiteData(clearSiteData));
  }

  /** Returns the new token, once. */
  take(): string | undefined {
    const token = this.#undelivered;
    this.#undelivered = undefined;
    return token;
  }
}
