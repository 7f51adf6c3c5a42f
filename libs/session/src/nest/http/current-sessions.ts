import type { ExecutionContext } from '@nestjs/common';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import type { Session } from '../../core/session/session.js';
import { CallMemo } from '../request/call-memo.js';
import { findCallKey } from '../request/http-call.js';
import type { HttpSession } from './http-session.interface.js';

/** The `HttpSessions` of the application that handles a call, as parameter decorators see it. */
export interface SessionSource {
  get(context: ExecutionContext): HttpSession;
  getAccepted(context: ExecutionContext): Session;
}

/** The sessions that `provideSession` provides for a call. */
export interface ProvidedSessions {
  /** The session for `@CurrentSession()`. */
  readonly session?: Session;
  /** The session for `@CurrentHttpSession()`. */
  readonly http?: HttpSession;
}

// Nest injects nothing into parameter decorators, so they look up the application of a call here.
const sources = new CallMemo<SessionSource>();
const provided = new CallMemo<ProvidedSessions>();
/** The applications that run in this process. */
const running = new Set<SessionSource>();

/** Ties a call to the application whose guards it passes. Another application that gets the same request replaces it. */
export function enterSource(key: object, source: SessionSource): void {
  sources.set(key, source);
}

export function addRunning(source: SessionSource): void {
  running.add(source);
}

export function removeRunning(source: SessionSource): void {
  running.delete(source);
}

/** `undefined` when nothing was provided, as in every application outside its tests. */
export function findProvided(key: object | undefined): ProvidedSessions | undefined {
  return key && provided.get(key);
}

/** @throws {SessionArgumentError} No `SessionModule` handles the call. */
export function getSource(
  key: object | undefined,
  { context, decorator }: { context: ExecutionContext; decorator: string },
): SessionSource {
  const entered = key && sources.get(key);
  if (entered) return entered;
  // Nest calls some handlers without guards, such as reference resolvers of a federated graph.
  const [only, ...others] = running;
  if (only && others.length === 0) return only;
  throw new SessionArgumentError(
    `${nameOf(context)} takes ${decorator} but no SessionModule handled the call: import SessionModule, or in a test call ` +
      'provideSession(context, ...) in the guard that takes the place of SessionGuard',
  );
}

/**
 * Provides the sessions that `@CurrentSession()` and `@CurrentHttpSession()` inject into the handlers of one call, for tests
 * that override `SessionGuard`. Omitted ones stay unchanged.
 *
 * @example
 * Test.createTestingModule({ controllers: [AccountController] })
 *   .overrideGuard(SessionGuard)
 *   .useValue({
 *     canActivate(context: ExecutionContext) {
 *       provideSession(context, { session: { userId: 'ada' } as Session });
 *       return true;
 *     },
 *   });
 *
 * @throws {SessionArgumentError} The context has no request, GraphQL context or socket.
 * @see The section "Testing controllers" of the README.
 */
export function provideSession(context: ExecutionContext, sessions: ProvidedSessions): void {
  const key = findCallKey(context);
  if (!key)
    throw new SessionArgumentError(
      `provideSession finds no request for ${nameOf(context)}: pass the context of the guard`,
    );
  provided.set(key, { ...provided.get(key), ...sessions });
}

/** `AccountController.me` */
export function nameOf(context: ExecutionContext): string {
  return `${context.getClass().name}.${context.getHandler().name}`;
}
