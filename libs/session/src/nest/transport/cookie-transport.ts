import type { Logger } from '@nestjs/common';
import type { CreatedSession } from '../../core/service/session-service.js';
import { formatClearSiteData } from '../options/clear-site-data.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { HttpExchange } from '../request/http-exchange.js';
import type { SessionCookies } from './session-cookies.js';
import type { SessionTransport } from './session-transport.interface.js';

export interface CookieTransportParts {
  readonly cookies: SessionCookies;
  readonly logger: Logger;
  readonly clearSiteData: readonly ClearSiteData[];
}

/** Sends a token in `Set-Cookie` only, so no handler sees it (ASVS 3.3.4). */
export class CookieTransport implements SessionTransport {
  readonly name = 'cookie';
  #announcesClearing = false;

  /** @param isAmbiguous - The request had the cookie with different values, so an attacker may have planted one. */
  constructor(
    private readonly parts: CookieTransportParts,
    private readonly exchange: HttpExchange,
    private readonly isAmbiguous: boolean,
  ) {}

  deliver(created: CreatedSession): void {
    this.withdrawPlanted();
    this.parts.cookies.set(this.exchange, created);
    // Browsers delete after they store cookies, so they would delete the new one.
    if (this.#announcesClearing) this.exchange.removeHeader('clear-site-data');
    this.#announcesClearing = false;
  }

  withdraw(clearSiteData: readonly ClearSiteData[] = this.parts.clearSiteData): void {
    if (this.exchange.isAnswered) {
      this.parts.logger.warn('a session ended after its response was sent: the dead cookie stays until it is replaced');
      return;
    }
    this.withdrawPlanted();
    this.parts.cookies.clear(this.exchange);
    if (clearSiteData.length === 0) return;
    this.exchange.setHeader('clear-site-data', formatClearSiteData(clearSiteData));
    this.#announcesClearing = true;
  }

  /** Clears the host-only cookie of an ambiguous pair. */
  withdrawPlanted(): void {
    if (this.isAmbiguous && !this.exchange.isAnswered) this.parts.cookies.clearHostOnly(this.exchange);
  }
}
