import { Inject, Injectable, Logger } from '@nestjs/common';
import { BearerTokenFormat } from '../../core/token/bearer-token.js';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS } from '../options/session.constants.js';
import { BearerTransport } from './bearer-transport.js';
import { CookieTransport } from './cookie-transport.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { readBearer, type BearerReading } from './read-bearer.js';
import type { CookieReading } from './read-cookie.js';
import { SessionCookies } from './session-cookies.js';
import type { CarriedTokens, SessionTransport, SessionTransportName } from './session-transport.interface.js';

export interface OpenedTransports {
  readonly carried: CarriedTokens;
  readonly cookie: CookieTransport;
  /** `undefined` when the module's options leave bearer tokens off. */
  readonly bearer: BearerTransport | undefined;
}

/** Reads what a request carries and opens the ways back to its client. */
@Injectable()
export class SessionTransports {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly bearerFormat: BearerTokenFormat | undefined;
  private readonly clearSiteData: readonly ClearSiteData[];

  constructor(
    private readonly cookies: SessionCookies,
    @Inject(SESSION_SETTINGS) { bearer, clearSiteData }: SessionSettings,
  ) {
    this.bearerFormat = bearer && new BearerTokenFormat(bearer.prefix);
    this.clearSiteData = clearSiteData;
  }

  /** What a request brings, where nothing can be brought back: the handshake of a socket. */
  read(request: Pick<HttpExchange, 'cookieHeader' | 'authorizationHeaders'>): CarriedTokens {
    const { cookies, bearerFormat } = this;
    return weigh(cookies.read(request), bearerFormat && readBearer(request.authorizationHeaders, bearerFormat));
  }

  open(exchange: HttpExchange): OpenedTransports {
    const { cookies, logger, clearSiteData, bearerFormat } = this;
    const isAmbiguous = cookies.read(exchange).found === 'ambiguous';
    return {
      carried: this.read(exchange),
      cookie: new CookieTransport({ cookies, exchange, logger, clearSiteData, isAmbiguous }),
      bearer: bearerFormat && new BearerTransport(exchange, bearerFormat),
    };
  }
}

/** @throws {SessionArgumentError} There is none of this name, or it is off. */
export function chooseTransport(
  { cookie, bearer }: OpenedTransports,
  name: SessionTransportName = 'cookie',
): SessionTransport {
  const chosen = [cookie, bearer].find((one) => one?.name === name);
  if (chosen) return chosen;
  throw new SessionArgumentError(
    name === 'bearer'
      ? "transport 'bearer' is off: turn it on by the option bearer of SessionModule"
      : "transport must be 'cookie' or 'bearer'",
  );
}

/** A request has one session at most; whatever could be read as two is believed in nothing (RFC 6750 2, RFC 9110 5.3). */
export function weigh(cookie: CookieReading, bearer: BearerReading = { found: 'none' }): CarriedTokens {
  const inCookies = cookie.found === 'ambiguous' ? cookie.values : cookie.found === 'one' ? [cookie.value] : [];
  const inHeaders = bearer.found === 'ambiguous' ? bearer.tokens : bearer.found === 'one' ? [bearer.token] : [];
  const rivals = [...inCookies, ...inHeaders];
  const transport = cookie.found === 'none' ? undefined : 'cookie';
  const refused = { transport, token: undefined, rivals } as const;
  if (bearer.found === 'ambiguous') return { ...refused, contradiction: 'several Authorization headers' };
  if (cookie.found !== 'none' && bearer.found !== 'none') return { ...refused, contradiction: 'cookie and bearer' };
  if (cookie.found === 'ambiguous') return { ...refused, contradiction: 'two cookies' };
  if (bearer.found === 'one') return { transport: 'bearer', token: bearer.token, rivals: [] };
  return { transport, token: cookie.found === 'one' ? cookie.value : undefined, rivals: [] };
}
