import { Injectable, type PipeTransform } from '@nestjs/common';
import type { Session } from '../../core/session/session.js';
import { HttpSessions } from '../http/http-sessions.js';
import { SessionSockets } from '../sockets/session-sockets.js';
import { fromContext, type ContextCarrier } from './context-carrier.js';

@Injectable()
class SessionPipe implements PipeTransform<ContextCarrier, Session> {
  constructor(
    private readonly httpSessions: HttpSessions,
    private readonly sockets: SessionSockets,
  ) {}

  transform({ context }: ContextCarrier): Session {
    const accepted =
      context.getType() === 'ws' ? this.sockets.findAccepted(context.switchToWs().getClient<object>()) : undefined;
    return accepted ?? this.httpSessions.getAccepted(context);
  }
}

/** The session that `SessionGuard` let in. On a route without the guard, or a public one, it throws. */
export const CurrentSession = (): ParameterDecorator => fromContext(SessionPipe);
