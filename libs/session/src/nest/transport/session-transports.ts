import { Inject, Injectable, Logger } from '@nestjs/common';
import { BearerTokenFormat } from '../../core/token/bearer-token.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { BearerTransport } from './bearer-transport.js';
import { CookieTransport, type CookieTransportParts } from './cookie-transport.js';
import { readBearer, type BearerReading } from './read-bearer.js';
import type { CookieReading } from './read-cookie.js';
import { RequestCredentials } from './request-credentials.js';
import { SessionCookies } from './session-cookies.js';
import type { CarriedTokens } from './session-transport.interface.js';

type TokenHeaders = Pick<HttpExchange, 'cookieHeader' | 'authorizationHeaders'>;

/** Reads the tokens of a request and opens the transports for its response. */
@Injectable()
export class SessionTransports {
  private readonly bearerFormat: BearerTokenFormat | undefined;
  private readonly cookieParts: CookieTransportParts;

  constructor(
    private readonly cookies: SessionCookies,
    @Inject(SESSION_SETTINGS) { bearer, clearSiteData }: SessionSettings,
  ) {
    this.bearerFormat = bearer && new BearerTokenFormat(bearer.prefix);
    this.cookieParts = { cookies, logger: new Logger(LOG_CONTEXT), clearSiteData };
  }

  /** Reads a request without a response to set a cookie on: the handshake of a socket. */
  read(request: TokenHeaders): CarriedTokens {
    return resolveCredentials(this.cookies.read(request), this.readBearer(request));
  }

  open(exchange: HttpExchange): RequestCredentials {
    const reading = this.cookies.read(exchange);
    return new RequestCredentials({
      carried: resolveCredentials(reading, this.readBearer(exchange)),
      cookie: new CookieTransport(this.cookieParts, exchange, reading.found === 'ambiguous'),
      bearer: this.bearerFormat && new BearerTransport(exchange, this.bearerFormat),
    });
  }

  private readBearer(request: TokenHeaders): BearerReading | undefined {
    return this.bearerFormat && readBearer(request.authorizationHeaders, this.bearerFormat);
  }
}

const NO_BEARER: BearerReading = { found: 'none' };

/** Accepts at most one token. Contradicting tokens are all rejected (RFC 6750 2, RFC 9110 5.3). */
export function resolveCredentials(cookie: CookieReading, bearer: BearerReading = NO_BEARER): CarriedTokens {
  if (cookie.found === 'one' && bearer.found === 'none') {
    return { transport: 'cookie', token: cookie.value, rejectedTokens: [] };
  }
  const inCookies = cookie.found === 'ambiguous' ? cookie.values : cookie.found === 'one' ? [cookie.value] : [];
  const inHeaders = bearer.found === 'ambiguous' ? bearer.tokens : bearer.found === 'one' ? [bearer.token] : [];
  const transport = cookie.found === 'none' ? undefined : 'cookie';
  const refused = { transport, token: undefined, rejectedTokens: [...inCookies, ...inHeaders] } as const;
  if (bearer.found === 'ambiguous') return { ...refused, contradiction: 'several Authorization headers' };
  if (cookie.found !== 'none' && bearer.found !== 'none') return { ...refused, contradiction: 'cookie and bearer' };
  if (cookie.found === 'ambiguous') return { ...refused, contradiction: 'two cookies' };
  if (bearer.found === 'one') return { transport: 'bearer', token: bearer.token, rejectedTokens: [] };
  return { transport, token: cookie.found === 'one' ? cookie.value : undefined, rejectedTokens: [] };
}
