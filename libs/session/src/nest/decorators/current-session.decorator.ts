import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { getGuardedSession } from '../http/guarded-session.js';

/** The session that `SessionGuard` let in. On a route without the guard, or a public one, it throws. */
export const CurrentSession: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  getGuardedSession(context),
);
