import { createParamDecorator, type ExecutionContext, type PipeTransform } from '@nestjs/common';
import type { Session } from '../../core/session/session.js';
import { findProvided, getSource } from '../http/current-sessions.js';
import { findCallKey } from '../request/http-call.js';
import type { HttpSession } from '../http/http-session.interface.js';
import { findAcceptedOfSocket } from '../sockets/session-sockets.js';

/**
 * Injects the session that `SessionGuard` accepted. On a route without the guard, and on a public one, it throws: inject
 * `@CurrentHttpSession()` there.
 *
 * @example
 * @Get('me')
 * me(@CurrentSession() session: Session) {
 *   return { userId: session.userId, since: session.createdAt };
 * }
 *
 * @see The section "First five minutes" of the README.
 */
export const CurrentSession = (): ParameterDecorator => carryContext(sessionPipe);

/**
 * Injects the `HttpSession` of the request, which signs in and out. Works on public routes and without the guard as well.
 *
 * @example
 * @Public()
 * @Post('sign-out')
 * async signOut(@CurrentHttpSession() http: HttpSession) {
 *   await http.signOut();
 * }
 *
 * @see The section "First five minutes" of the README.
 */
export const CurrentHttpSession = (): ParameterDecorator => carryContext(httpSessionPipe);

/** Carries the context past the pipes of the application, which find nothing in it to change. */
class ContextCarrier {
  readonly #context: ExecutionContext;

  constructor(context: ExecutionContext) {
    this.#context = context;
  }

  get context(): ExecutionContext {
    return this.#context;
  }
}

const carryContext = createParamDecorator((_: unknown, context: ExecutionContext) => new ContextCarrier(context));

// Instances, not classes: Nest has nothing to construct, so a controller compiles in a test without SessionModule.
const sessionPipe: PipeTransform<ContextCarrier, Session> = {
  transform({ context }) {
    const key = findCallKey(context);
    const session = findProvided(key)?.session ?? findAcceptedOfSocket(context);
    return session ?? getSource(key, { context, decorator: '@CurrentSession()' }).getAccepted(context);
  },
};

const httpSessionPipe: PipeTransform<ContextCarrier, HttpSession> = {
  transform({ context }) {
    const key = findCallKey(context);
    return findProvided(key)?.http ?? getSource(key, { context, decorator: '@CurrentHttpSession()' }).get(context);
  },
};
