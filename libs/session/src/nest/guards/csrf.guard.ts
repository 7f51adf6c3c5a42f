import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { HttpSessions } from '../http/http-sessions.js';
import { SessionHttpErrors } from '../http/session-http-errors.js';
import type { SessionSettings } from '../options/session-settings.js';
import { SESSION_SETTINGS } from '../options/session.constants.js';
import { isSafeMethod } from '../cross-site/cross-origin-check.js';
import type { CsrfCall } from '../request/csrf-call.js';
import { CsrfProtection } from '../cross-site/csrf-protection.js';

const TOKEN_HEADER = 'x-csrf-token';
const TOKEN_FIELD = '_csrf';

/**
 * Stands before every handler of the application, public ones included: a sign-in that another site made a browser send
 * would sign the visitor in as somebody else (login CSRF).
 */
@Injectable()
export class CsrfGuard implements CanActivate {
  private readonly needsToken: boolean;
  private readonly isEnforced: boolean;

  constructor(
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
    private readonly protection: CsrfProtection,
    private readonly httpSessions: HttpSessions,
    private readonly errors: SessionHttpErrors,
  ) {
    this.needsToken = settings.csrf?.token === 'required';
    this.isEnforced = settings.csrf?.mode === 'enforce';
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const call = this.protection.check(context);
    if (!this.needsToken || !call?.request || isSafeMethod(call.request.method)) return true;
    return this.checkToken(call, context);
  }

  /** Asks the store only when the token is not right: whether there is a session that it would have to protect. */
  private async checkToken(call: CsrfCall, context: ExecutionContext): Promise<boolean> {
    const isProven = call.http !== undefined && (await this.isProven(call.http, readToken(call)));
    if (!isProven) this.protection.refuse(call, { refusal: 'no-token', context });
    return true;
  }

  private async isProven(http: ExecutionContext, token: unknown): Promise<boolean> {
    const session = this.httpSessions.get(http);
    // Without a session cookie there is nothing that a browser would send along by itself.
    if (session.transport === 'bearer' || session.isCsrfToken(token)) return true;
    try {
      return ((await session.current()) ?? (await session.pending()) ?? (await session.doubted())) === undefined;
    } catch (error) {
      if (!this.isEnforced) return true;
      throw this.errors.findException(error, http) ?? error;
    }
  }
}

/** Never from the query, which ends up in logs and in the `Referer` of other requests. */
function readToken({ request }: CsrfCall): unknown {
  const header = request?.headers[TOKEN_HEADER];
  if (header !== undefined) return header;
  const body = request?.body;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, TOKEN_FIELD)
    ? (body as Record<string, unknown>)[TOKEN_FIELD]
    : undefined;
}
