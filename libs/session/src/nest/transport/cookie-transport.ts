import type { Logger } from '@nestjs/common';
import type { CreatedSession } from '../../core/service/session-service.js';
import { formatClearSiteData } from '../options/clear-site-data.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { HttpExchange } from '../request/http-exchange.js';
import type { SessionCookies } from './session-cookies.js';
import type { SessionTransport } from './session-transport.interface.js';

export interface CookieTransportParts {
  readonly cookies: SessionCookies;
  readonly exchange: HttpExchange;
  readonly logger: Logger;
  readonly clearSiteData: readonly ClearSiteData[];
  /** The request's cookie came with different values, one of them planted perhaps. */
  readonly isAmbiguous: boolean;
}

/** Never tells a handler the token: it is in `Set-Cookie` and nowhere else (ASVS 3.3.4). */
export class CookieTransport implements SessionTransport {
  readonly name = 'cookie';
  #announcesClearing = false;

  constructor(private readonly parts: CookieTransportParts) {}

  deliver(created: CreatedSession): void {
    const { cookies, exchange } = this.parts;
    this.withdrawPlanted();
    cookies.set(exchange, created);
    // Browsers carry it out after they stored the cookies, the new one included.
    if (this.#announcesClearing) exchange.removeHeader('clear-site-data');
    this.#announcesClearing = false;
  }

  withdraw(clearSiteData: readonly ClearSiteData[] = this.parts.clearSiteData): void {
    const { cookies, exchange, logger } = this.parts;
    if (exchange.isAnswered) {
      logger.warn('a session ended after its response was sent: the dead cookie stays until it is replaced');
      return;
    }
    this.withdrawPlanted();
    cookies.clear(exchange);
    if (clearSiteData.length === 0) return;
    exchange.setHeader('clear-site-data', formatClearSiteData(clearSiteData));
    this.#announcesClearing = true;
  }

  /** Of an ambiguous pair, the cookie that only this host gets. */
  withdrawPlanted(): void {
    const { cookies, exchange, isAmbiguous } = this.parts;
    if (isAmbiguous && !exchange.isAnswered) cookies.clearHostOnly(exchange);
  }
}
