import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CsrfProtection } from '../cross-site/csrf-protection.js';
import { HttpSessions, type RequestRecord } from '../http/http-sessions.js';
import { SessionHttpErrors } from '../http/session-http-errors.js';
import type { SessionSettings } from '../options/session-settings.js';
import { SESSION_SETTINGS } from '../options/session.constants.js';

const TOKEN_HEADER = 'x-csrf-token';
const TOKEN_FIELD = '_csrf';

/**
 * Checks every request of the application, even to public handlers: a sign-in that another site made a browser send would
 * sign the visitor in to an account of the attacker (login CSRF).
 */
@Injectable()
export class CsrfGuard implements CanActivate {
  private readonly isEnforced: boolean;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    private readonly protection: CsrfProtection,
    private readonly httpSessions: HttpSessions,
    private readonly errors: SessionHttpErrors,
  ) {
    this.isEnforced = settings.csrf?.mode === 'enforce';
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request = this.httpSessions.enter(context);
    this.protection.check(context, request);
    return !this.protection.needsToken(context, request) || this.checkToken(context, request);
  }

  /** Calls the store only when the token is wrong, to find out whether there is a session to protect. */
  private async checkToken(context: ExecutionContext, request: RequestRecord): Promise<boolean> {
    const isProven = request.exchange.response !== undefined && (await this.isProven(context, request));
    if (!isProven) this.protection.refuse('no-token', { request, context });
    return true;
  }

  private async isProven(context: ExecutionContext, request: RequestRecord): Promise<boolean> {
    const session = this.httpSessions.open(context, request);
    // Browsers send only cookies by themselves.
    if (session.transport === 'bearer' || session.isCsrfToken(readToken(request))) return true;
    try {
      return (await session.findLive()) === undefined;
    } catch (error) {
      if (!this.isEnforced) return true;
      throw this.errors.findException(error, context) ?? error;
    }
  }
}

/** Never reads the query, which ends up in logs and in the `Referer` of other requests. */
function readToken({ exchange }: RequestRecord): unknown {
  const header = exchange.headers[TOKEN_HEADER];
  if (header !== undefined) return header;
  const { body } = exchange;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, TOKEN_FIELD)
    ? (body as Record<string, unknown>)[TOKEN_FIELD]
    : undefined;
}
