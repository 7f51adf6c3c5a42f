import type { ExecutionContext } from '@nestjs/common';
import { SessionArgumentError } from '../../core/session-errors.js';
import type { Session } from '../../core/session.js';
import { HttpExchange } from './http-exchange.js';

const sessions = new WeakMap<object, Session>();

/** Keeps the session that a guard accepted for the request's handler. */
export function keepGuardedSession(context: ExecutionContext, session: Session): void {
  sessions.set(new HttpExchange(context).key, session);
}

/** @throws {SessionArgumentError} No `SessionGuard` let this request in, so there is no session to speak of. */
export function getGuardedSession(context: ExecutionContext): Session {
  const session = context.getType() === 'http' ? sessions.get(new HttpExchange(context).key) : undefined;
  if (session) return session;
  const handler = `${context.getClass().name}.${context.getHandler().name}`;
  throw new SessionArgumentError(
    `${handler} takes @CurrentSession() but no SessionGuard let the request in: guard it, or on a public route take @CurrentHttpSession() and ask current()`,
  );
}
