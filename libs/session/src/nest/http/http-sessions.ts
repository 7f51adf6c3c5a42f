import { Inject, Injectable, Logger, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionService } from '../../core/session-service.js';
import type { SessionStore } from '../../core/session-store.js';
import { isTouching } from '../decorators/session-metadata.js';
import { LOG_CONTEXT, SESSION_STORE } from '../session.constants.js';
import { HttpExchange } from './http-exchange.js';
import type { HttpSession } from './http-session.interface.js';
import { RequestSession, type RequestSessionParts } from './request-session.js';
import { SessionCookies } from './session-cookies.js';

/** Hands out the one `HttpSession` of each request, whoever asks first: a guard, a decorator, an interceptor. */
@Injectable()
export class HttpSessions {
  private readonly sessions = new WeakMap<object, RequestSession>();
  private readonly parts: RequestSessionParts;

  constructor(
    private readonly reflector: Reflector,
    service: SessionService,
    @Inject(SESSION_STORE) store: SessionStore,
    cookies: SessionCookies,
  ) {
    this.parts = { service, store, cookies, logger: new Logger(LOG_CONTEXT) };
  }

  /** @param context - Of an HTTP request. */
  get(context: ExecutionContext): HttpSession {
    const exchange = new HttpExchange(context);
    const known = this.sessions.get(exchange.key);
    if (known) return known;
    const opened = new RequestSession(this.parts, { exchange, touch: isTouching(this.reflector, context) });
    this.sessions.set(exchange.key, opened);
    return opened;
  }
}
