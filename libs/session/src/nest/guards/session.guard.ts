import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Session } from '../../core/session/session.js';
import { findAccessRule, isTouching, type AccessRule } from '../access/session-metadata.js';
import { HttpSessions } from '../http/http-sessions.js';
import { SessionHttpErrors } from '../http/session-http-errors.js';
import type { SessionSettings } from '../options/session-settings.js';
import { SESSION_SETTINGS } from '../options/session.constants.js';
import { findShortfall } from '../access/find-shortfall.js';
import { refusalException, type SessionRefusal } from '../access/session-refusal.js';
import { SessionSockets } from '../sockets/session-sockets.js';
import { toWsException } from '../sockets/ws-exception.js';
import { SessionContextError } from '../access/session-context.error.js';

/** The rule of handlers without one. */
const ANY_USER: AccessRule = { access: 'user' };

/**
 * Allows a call only with a live session of a signed-in user. Guards controllers, GraphQL resolvers and gateways.
 *
 * It answers 401 without a live session. It also answers 401
 * - to an anonymous session, except on handlers marked `@AllowAnonymous()`,
 * - while a second factor is pending, except on handlers marked `@AllowPendingFactor()`,
 * - after an anomaly, except on handlers marked `@AllowReauthentication()`,
 * - when the session does not meet a requirement such as `@RequireFreshSession('10m')`.
 *
 * It answers 503 with `Retry-After` when the store does not answer; the cookie stays. The option `redirect` redirects pages
 * instead of answering 401. The client of a gateway gets a `WsException` with the same body and is closed without a live
 * session. Handlers of any other kind are refused, except those marked `@Public()`.
 *
 * Subclasses override single steps. They inject what they need as properties, so that the constructor stays the same.
 *
 * @example
 * @UseGuards(SessionGuard)
 * @Controller('account')
 * class AccountController {}
 *
 * @example
 * // Every handler of the application, except those marked @Public():
 * providers: [{ provide: APP_GUARD, useExisting: SessionGuard }]
 *
 * @see The section "First five minutes" of the README.
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(
    protected readonly reflector: Reflector,
    protected readonly httpSessions: HttpSessions,
    protected readonly errors: SessionHttpErrors,
    protected readonly sockets: SessionSockets,
    @Inject(SESSION_SETTINGS) protected readonly settings: SessionSettings,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.findRule(context) ?? ANY_USER;
    if (rule.access === 'public') return true;
    if (context.getType() !== 'ws') return this.isAllowed(context, rule);
    try {
      return await this.isAllowed(context, rule);
    } catch (error) {
      throw await toWsException(error);
    }
  }

  /** Returns the rule of the handler's decorators, or else of its class's. */
  protected findRule(context: ExecutionContext): AccessRule | undefined {
    return findAccessRule(context);
  }

  /**
   * Finds the live session of the call, even one that awaits another proof of its user.
   *
   * @throws {ServiceUnavailableException} The store does not answer.
   */
  protected async findSession(context: ExecutionContext): Promise<Session | undefined> {
    try {
      if (context.getType() === 'ws') {
        const touch = isTouching(context);
        return await this.sockets.current(context.switchToWs().getClient<object>(), { touch });
      }
      const request = this.httpSessions.recordOf(context);
      const { exchange } = request;
      if (!exchange.isFound) throw new SessionContextError(context);
      if (exchange.isUpgraded && !this.sockets.isTrusted(exchange.headers)) return undefined;
      return await this.httpSessions.open(context, request).findLive();
    } catch (error) {
      throw this.errors.findException(error, context) ?? error;
    }
  }

  /** Returns why the session does not meet the rule; `undefined` when it does. */
  protected findRefusal(session: Session | undefined, rule: AccessRule): SessionRefusal | undefined {
    if (!session) return { reason: 'unauthenticated' };
    if (session.awaitsSecondFactor) {
      return rule.access === 'pending-factor' ? undefined : { reason: 'second_factor_required', session };
    }
    if (session.awaitsReauthentication) {
      const required = { isInDoubt: true } as const;
      return rule.access === 'reauthentication' ? undefined : { reason: 'reauth_required', session, required };
    }
    if (rule.access === 'anonymous') return undefined;
    if (session.userId === null) return { reason: 'unauthenticated' };
    const required = findShortfall(session, rule, this.settings.maxIdentityProviderAgeMs);
    return required && { reason: 'reauth_required', session, required };
  }

  /** Checks a condition of your own on a live session, such as a role. `false` answers 403. Default `true`. */
  protected isAccepted(_session: Session, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  /** Throws the answer: 401, or 303 when the option `redirect` returns a page. Returning `false` would answer 403. */
  protected refuse(refusal: SessionRefusal, context: ExecutionContext): boolean {
    throw refusalException(refusal, { host: context, redirect: this.settings.redirect });
  }

  private async takeConfirmation(session: Session, action: string, context: ExecutionContext): Promise<boolean> {
    try {
      return await this.httpSessions.takeConfirmation(session, action);
    } catch (error) {
      throw this.errors.findException(error, context) ?? error;
    }
  }

  private async isAllowed(context: ExecutionContext, rule: AccessRule): Promise<boolean> {
    const session = await this.findSession(context);
    const refusal = this.findRefusal(session, rule);
    if (refusal) {
      if (refusal.reason !== 'unauthenticated') this.httpSessions.emitStepUpRequired(context, refusal);
      return this.refuse(refusal, context);
    }
    if (!session || !(await this.isAccepted(session, context))) return false;
    if (rule.confirmation !== undefined && !(await this.takeConfirmation(session, rule.confirmation, context))) {
      const required = { confirmation: rule.confirmation };
      return this.refuse({ reason: 'reauth_required', session, required }, context);
    }
    if (context.getType() !== 'ws') this.httpSessions.accept(context, session);
    return true;
  }
}
