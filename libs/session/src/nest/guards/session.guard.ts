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
 * Lets calls with a live session in: as `APP_GUARD` or by `@UseGuards(SessionGuard)`, before controllers, GraphQL
 * resolvers and handlers of gateways.
 *
 * No live session is 401, as is one without a user unless the handler is `@AllowAnonymous()`, one that awaits a second
 * factor unless it is `@AllowPendingFactor()`, one that awaits another proof after an anomaly unless it is
 * `@AllowReauthentication()`, and one that falls short of what the handler requires; a store that does not answer is 503
 * with `Retry-After`, and the cookie stays. Pages may be redirected instead by the option `redirect`.
 * Gateways tell it their clients as a `WsException` with the same body, and a client without a live session is closed.
 * Handlers of any other kind are refused unless they are `@Public()`. Subclasses change single steps; what
 * they need themselves they inject as properties, so that the constructor stays this one.
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

  /** Who may call the handler: by its decorators, or else those of its class. */
  protected findRule(context: ExecutionContext): AccessRule | undefined {
    return findAccessRule(context);
  }

  /** The live session of the call, also one that awaits another proof of its user. Rejects with a 503 exception when the store does not answer. */
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

  /** What the session is not good enough for; `undefined` when it is. */
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

  /** A condition of your own on a live session, such as a role. `false` answers 403. Default `true`. */
  protected isAccepted(_session: Session, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  /** Throws the answer: 401, or 303 where the option `redirect` names a page for it. `false` would answer 403. */
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
