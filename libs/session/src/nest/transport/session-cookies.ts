import { Inject, Injectable } from '@nestjs/common';
import { stringifySetCookie } from 'cookie';
import type { Session } from '../../core/session/session.js';
import type { CookieSettings } from '../options/cookie-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { SESSION_SETTINGS } from '../options/session.constants.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { readCookie, type CookieReading } from './read-cookie.js';

/** The longest that browsers keep a cookie (RFC 6265bis 5.5). */
const MAX_AGE_SECONDS = 400 * 86_400;

/**
 * The session cookie of a request and its response.
 *
 * Cookies of the application stay; a session cookie set earlier in the same response is replaced. A response that sets or
 * clears the session cookie must not be cached (ASVS 14.3.2), so its `Cache-Control` becomes `no-store`. The handler may
 * still change that afterwards.
 */
@Injectable()
export class SessionCookies {
  private readonly settings: CookieSettings;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.settings = settings.cookie;
  }

  /** @param request - Its `Cookie` headers, as Node or HTTP/2 has them. */
  read(request: Pick<HttpExchange, 'cookieHeader'>): CookieReading {
    return readCookie(request.cookieHeader, this.settings.name);
  }

  set(exchange: HttpExchange, { token, session }: { token: string; session: Session }): void {
    const maxAge = this.settings.persistent ? secondsUntilEnd(session) : undefined;
    this.write(exchange, this.serialize(token, { domain: this.settings.domain, maxAge }));
  }

  clear(exchange: HttpExchange): void {
    this.write(exchange, this.serializeCleared(this.settings.domain));
  }

  /** Clears a host-only cookie, left by another configuration or planted by an attacker. */
  clearHostOnly(exchange: HttpExchange): void {
    this.write(exchange, this.serializeCleared(undefined));
  }

  private write(exchange: HttpExchange, cookie: string): void {
    const scope = scopeOf(cookie);
    const others = exchange
      .listHeader('set-cookie')
      .filter((one) => !one.startsWith(`${this.settings.name}=`) || scopeOf(one) !== scope);
    exchange.setHeader('set-cookie', [...others, cookie]);
    exchange.setHeader('cache-control', 'no-store');
    const vary = exchange.listHeader('vary').join(', ');
    if (!/(^|[\s,])(\*|cookie)([\s,]|$)/i.test(vary)) exchange.setHeader('vary', vary ? `${vary}, Cookie` : 'Cookie');
  }

  private serializeCleared(domain: string | undefined): string {
    return this.serialize('', { domain, maxAge: 0, expires: new Date(0) });
  }

  private serialize(value: string, scope: { domain?: string; maxAge?: number; expires?: Date }): string {
    const { name, sameSite, secure, partitioned } = this.settings;
    return stringifySetCookie({ name, value, path: '/', httpOnly: true, secure, sameSite, partitioned, ...scope });
  }
}

function scopeOf(setCookie: string): string {
  return /;\s*domain=([^;]*)/i.exec(setCookie)?.[1] ?? '';
}

function secondsUntilEnd({ absoluteExpiresAt, checkedAt }: Session): number {
  const seconds = Math.floor((absoluteExpiresAt.getTime() - checkedAt.getTime()) / 1000);
  return Math.max(0, Math.min(seconds, MAX_AGE_SECONDS));
}
