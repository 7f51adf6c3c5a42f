import { createParamDecorator, Injectable, type ExecutionContext, type PipeTransform } from '@nestjs/common';
import type { HttpSession } from '../http/http-session.interface.js';
import { HttpSessions } from '../http/http-sessions.js';

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

/** A decorator is given no providers; a pipe is. */
@Injectable()
class HttpSessionPipe implements PipeTransform<ContextCarrier, HttpSession> {
  constructor(private readonly httpSessions: HttpSessions) {}

  transform(carrier: ContextCarrier): HttpSession {
    return this.httpSessions.get(carrier.context);
  }
}

const carryContext = createParamDecorator((_: unknown, context: ExecutionContext) => new ContextCarrier(context));

/** The `HttpSession` of the request: on public routes and without the guard as well. */
export const CurrentHttpSession = (): ParameterDecorator => carryContext(HttpSessionPipe);
