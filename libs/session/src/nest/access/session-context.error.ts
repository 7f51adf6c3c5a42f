import type { ExecutionContext } from '@nestjs/common';
import { SessionError } from '../../core/session/session-errors.js';

/** `SessionGuard` guards a handler of a kind for which it cannot find a session. The call was refused. */
export class SessionContextError extends SessionError {
  readonly code = 'SESSION_CONTEXT';

  constructor(context: Pick<ExecutionContext, 'getType' | 'getClass' | 'getHandler'>) {
    super(
      `SessionGuard finds no session for the "${context.getType()}" call of ` +
        `${context.getClass().name}.${context.getHandler().name} and refused it: ${adviceFor(context.getType())}`,
    );
  }
}

function adviceFor(type: string): string {
  if (type !== 'graphql') return 'mark it @Public() and check its session yourself';
  return 'the GraphQL context must hold the request as req; for subscriptions context: ({ extra }) => ({ req: extra.request })';
}
