import { Injectable, type PipeTransform } from '@nestjs/common';
import type { HttpSession } from '../http/http-session.interface.js';
import { HttpSessions } from '../http/http-sessions.js';
import { fromContext, type ContextCarrier } from './context-carrier.js';

@Injectable()
class HttpSessionPipe implements PipeTransform<ContextCarrier, HttpSession> {
  constructor(private readonly httpSessions: HttpSessions) {}

  transform({ context }: ContextCarrier): HttpSession {
    return this.httpSessions.get(context);
  }
}

/** The `HttpSession` of the request: on public routes and without the guard as well. */
export const CurrentHttpSession = (): ParameterDecorator => fromContext(HttpSessionPipe);
