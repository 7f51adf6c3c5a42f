import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/session-errors.js';

/** `SessionGuard` stands before a handler of a kind that it cannot find a session for. The call was refused. */
export class SessionContextError extends SessionError {
  readonly code = 'SESSION_CONTEXT';

  constructor(context: Pick<ExecutionContext, 'getType' | 'getClass' | 'getHandler'>) {
    super(
      `SessionGuard knows HTTP only and refused the "${context.getType()}" call of ` +
        `${context.getClass().name}.${context.getHandler().name}: mark it @Public() and check its session yourself`,
    );
  }
}
