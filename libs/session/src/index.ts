export type { Duration } from './core/duration.js';
export type { AbsenceReason } from './core/session-authenticator.js';
export type { JsonObject, SessionData, SessionDataPatch } from './core/session-data.js';
export {
  RevocationIncompleteError,
  SessionArgumentError,
  SessionConfigurationError,
  SessionDataTooLargeError,
  SessionError,
  SessionLimitReachedError,
  SessionStoreFullError,
  SessionStoreUnavailableError,
  SessionUpdateConflictError,
} from './core/session-errors.js';
export { SessionEvents, type SessionEventMap } from './core/session-events.js';
export type { EndedSession, SessionEndReason, SessionRecord } from './core/session-record.js';
export {
  SessionService,
  type AuthenticateOutcome,
  type CreatedSession,
  type CreateSession,
  type RevokeOptions,
  type RotatedSession,
} from './core/session-service.js';
export type {
  CleanUpOutcome,
  CleanUpStep,
  CreateOutcome,
  FindOutcome,
  LiveSession,
  NewSession,
  RotateOutcome,
  SessionAbsence,
  SessionDataChange,
  SessionDependencyToken,
  SessionLimit,
  SessionList,
  SessionListQuery,
  SessionLogger,
  SessionRevocation,
  SessionRotation,
  SessionStore,
  SessionStoreContext,
  SessionStoreDefinition,
  SessionTouch,
  UpdateOutcome,
  UserRevocation,
} from './core/session-store.js';
export type { Session } from './core/session.js';
export { MemorySessionStore, memoryStore, type MemoryStoreOptions } from './stores/memory/index.js';
