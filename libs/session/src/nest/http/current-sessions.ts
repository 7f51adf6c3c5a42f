import type { ExecutionContext } from '@nestjs/common';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import type { Session } from '../../core/session/session.js';
import { CallMemo } from '../request/call-memo.js';
import { findCallKey } from '../request/http-call.js';
import type { HttpSession } from './http-session.interface.js';

/** What parameter decorators ask of the application that handles a call: its `HttpSessions`. */
export interface SessionSource {
  get(context: ExecutionContext): HttpSession;
  getAccepted(context: ExecutionContext): Session;
}

/** What `provideSession` puts in place of the sessions of a call. */
export interface ProvidedSessions {
  /** What `@CurrentSession()` injects. */
  readonly session?: Session;
  /** What `@CurrentHttpSession()` injects. */
  readonly http?: HttpSession;
}

// Nest injects nothing into parameter decorators, so the way from a call to its application is kept here, by the call's key.
const sources = new CallMemo<SessionSource>();
const provided = new CallMemo<ProvidedSessions>();
/** The applications that run in this process. */
const running = new Set<SessionSource>();

/** Ties a call to the application whose guards it passes. Another one that gets the same request takes its place. */
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
  // Handlers that Nest calls without guards, such as reference resolvers of a federated graph.
  const [only, ...others] = running;
  if (only && others.length === 0) return only;
  throw new SessionArgumentError(
    `${nameOf(context)} takes ${decorator} but no SessionModule handled the call: import SessionModule, or in a test call ` +
      'provideSession(context, ...) in the guard that takes the place of SessionGuard',
  );
}

/**
 * Provides the sessions that `@CurrentSession()` and `@CurrentHttpSession()` inject into the handlers of one call, for tests
 * that override `SessionGuard`. What is left out stays as it is.
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
 * @throws {SessionArgumentError} There is nothing to tie the sessions to: no request, GraphQL context or socket.
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
