import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { isFresh } from '../../core/session-policy.js';
import type { Session } from '../../core/session.js';
import { findAccessRule, type AccessRule } from '../decorators/session-metadata.js';
import { HttpSessions } from '../http/http-sessions.js';
import { SessionHttpErrors } from '../http/session-http-errors.js';
import { reauthenticationRequired, unauthenticated } from '../http/session-http-exceptions.js';
import { SessionContextError } from './session-context.error.js';

/**
 * Lets requests with a live session in: as `APP_GUARD` or by `@UseGuards(SessionGuard)`.
 *
 * No live session is 401, as is one without a user unless the handler is `@AllowAnonymous()`; a store that does not answer is 503 with `Retry-After`, and the cookie stays. Handlers of
 * anything but HTTP are refused unless they are `@Public()`. Subclasses change single steps.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    protected readonly reflector: Reflector,
    protected readonly httpSessions: HttpSessions,
    protected readonly errors: SessionHttpErrors,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.findRule(context);
    if (rule?.access === 'public') return true;
    if (context.getType() !== 'http') throw new SessionContextError(context);
    const session = await this.findSession(context);
    if (!session) return this.refuseAbsent(context);
    if (session.userId === null && rule?.access !== 'anonymous') return this.refuseAbsent(context);
    if (!(await this.isAccepted(session, context))) return false;
    if (rule?.access === 'fresh' && !isFresh(session.authenticatedAt, session.checkedAt, rule.maxAgeMs)) {
      return this.refuseStale(context, rule);
    }
    this.httpSessions.accept(context, session);
    return true;
  }

  /** Who may call the handler: by its decorators, or else those of its class. */
  protected findRule(context: ExecutionContext): AccessRule | undefined {
    return findAccessRule(this.reflector, context);
  }

  /** The live session of the request. Rejects with a 503 exception when the store does not answer. */
  protected async findSession(context: ExecutionContext): Promise<Session | undefined> {
    try {
      return await this.httpSessions.get(context).current();
    } catch (error) {
      throw this.errors.findException(error, context) ?? error;
    }
  }

  /** A condition of your own on a live session, such as a second factor. `false` answers 403. Default `true`. */
  protected isAccepted(_session: Session, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  protected refuseAbsent(context: ExecutionContext): boolean {
    throw unauthenticated(context);
  }

  /** @param required - How recently the user has to have proved who they are. */
  protected refuseStale(context: ExecutionContext, required: { readonly maxAgeMs: number }): boolean {
    throw reauthenticationRequired(context, required);
  }
}
