export { toAuditRecord, type AuditRecord } from './core/events/audit-record.js';
export type { Duration } from './core/session/duration.js';
export type { SessionData, SessionDataPatch } from './core/session/session-data.js';
export {
  RevocationIncompleteError,
  SessionArgumentError,
  SessionConfigurationError,
  SessionDataTooLargeError,
  SessionDataUnavailableError,
  SessionError,
  SessionLimitReachedError,
  SessionSignInRefusedError,
  SessionStoreFullError,
  SessionStoreUnavailableError,
  SessionUpdateConflictError,
} from './core/session/session-errors.js';
export { SessionEvents, type SessionEventMap } from './core/events/session-events.js';
export type { AnomalyDecision } from './core/events/security-events.js';
export type { SessionClient } from './core/client/client-details.js';
export type { DecideAnomaly, SessionAnomaly } from './core/service/session-anomalies.js';
export type { AuthenticationInput } from './core/authentication/session-authentication.js';
export type { AssuranceLevel, EndedSession, SessionEndReason } from './core/session/session-record.js';
export { SessionService, type CreatedSession, type CreateSession } from './core/service/session-service.js';
export type { AuthenticateOutcome, RevokeOptions, RotatedSession } from './core/service/session-service.interface.js';
export type { SessionStoreDefinition } from './core/ports/store-definition.js';
export type { Session, UserSession } from './core/session/session.js';
export { SessionCleanup, type SessionCleanupResult } from './nest/cleanup/session-cleanup.js';
export {
  AllowAnonymous,
  AllowPendingFactor,
  AllowReauthentication,
  Public,
} from './nest/decorators/access.decorators.js';
export { AllowEmbedding, CloseWithSession, CsrfExempt, NoTouch } from './nest/decorators/behaviour.decorators.js';
export { CurrentHttpSession, CurrentSession } from './nest/decorators/parameter.decorators.js';
export {
  RequireAssurance,
  RequireConfirmation,
  RequireFreshSession,
} from './nest/decorators/requirement.decorators.js';
export type { AccessRule } from './nest/access/session-metadata.js';
export type { SessionRedirect, SessionRefusal } from './nest/access/session-refusal.js';
export { safeReturnTo } from './nest/request/return-to.js';
export { SessionContextError } from './nest/access/session-context.error.js';
export { SessionGuard } from './nest/guards/session.guard.js';
export { SessionClientGoneError } from './nest/request/http-exchange.js';
export type { HttpSession, OwnSession, SignIn, SignOut } from './nest/http/http-session.interface.js';
export { provideSession } from './nest/http/current-sessions.js';
export { HttpSessions } from './nest/http/http-sessions.js';
export { SessionHttpErrors } from './nest/http/session-http-errors.js';
export type { SessionBearerOptions } from './nest/options/bearer-settings.js';
export type { SessionCleanupOptions } from './nest/options/cleanup-settings.js';
export type { SessionCookieOptions } from './nest/options/cookie-settings.js';
export type { SessionCsrfOptions } from './nest/options/csrf-settings.js';
export type { SessionOriginOptions } from './nest/options/origin-settings.js';
export type { SessionRetentionOptions } from './nest/options/retention-settings.js';
export type { SessionRotationOptions } from './nest/options/rotation-settings.js';
export type { SessionSocketOptions } from './nest/options/socket-settings.js';
export type {
  JustifiableOption,
  SessionModuleAsyncOptions,
  SessionModuleOptions,
  SessionModuleRootOptions,
  SessionOptionsFactory,
  SessionProfile,
} from './nest/options/session-module-options.interface.js';
export type { DescribedSessionPolicy } from './nest/policy/describe-policy.js';
export { SessionPolicyDescription } from './nest/policy/session-policy-description.js';
export { SESSION_OPTIONS, SESSION_STORE } from './nest/options/session.constants.js';
export { SessionModule } from './nest/module/session.module.js';
export { SessionSockets } from './nest/sockets/session-sockets.js';
export { memoryStore } from './stores/memory/index.js';
