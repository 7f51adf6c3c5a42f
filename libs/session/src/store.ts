// The types that a store of one's own is written with. Its errors are values of the root entry.
export type { JsonObject } from './core/session/session-data.js';
export type {
  AssuranceLevel,
  EndedEverything,
  EndedSession,
  IdentityProviderSession,
  LiveSession,
  SessionAbsence,
  SessionAuthentication,
  SessionEndReason,
  SessionRecord,
} from './core/session/session-record.js';
export type { SessionSignalListener, SessionSignals } from './core/ports/session-signals.js';
export type {
  CleanUpOutcome,
  CleanUpStep,
  CreateOutcome,
  FindOutcome,
  NewSession,
  ProviderRevocation,
  RenewedAuthentication,
  RotateOutcome,
  SessionDataChange,
  SessionLimit,
  SessionList,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionStore,
  SessionTouch,
  TotalRevocation,
  UpdateOutcome,
  UserRevocation,
} from './core/ports/session-store.js';
export type {
  SessionDependencyToken,
  SessionStoreContext,
  SessionStoreDefinition,
} from './core/ports/store-definition.js';
export type { SessionLogger } from './core/support/logger.js';
