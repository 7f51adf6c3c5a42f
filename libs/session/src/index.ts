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
export type { SessionStoreDefinition } from './core/ports/session-store.js';
export type { Session, UserSession } from './core/session/session.js';
export { SessionCleanup, type SessionCleanupResult } from './nest/cleanup/session-cleanup.js';
export { AllowPendingFactor } from './nest/decorators/allow-pending-factor.decorator.js';
export { AllowReauthentication } from './nest/decorators/allow-reauthentication.decorator.js';
export { RequireAssurance } from './nest/decorators/require-assurance.decorator.js';
export { AllowEmbedding } from './nest/decorators/allow-embedding.decorator.js';
export { AllowAnonymous } from './nest/decorators/allow-anonymous.decorator.js';
export { CsrfExempt } from './nest/decorators/csrf-exempt.decorator.js';
export { CloseWithSession } from './nest/decorators/close-with-session.decorator.js';
export { CurrentHttpSession } from './nest/decorators/current-http-session.decorator.js';
export { CurrentSession } from './nest/decorators/current-session.decorator.js';
export { NoTouch } from './nest/decorators/no-touch.decorator.js';
export { Public } from './nest/decorators/public.decorator.js';
export { RequireConfirmation } from './nest/decorators/require-confirmation.decorator.js';
export { RequireFreshSession } from './nest/decorators/require-fresh-session.decorator.js';
export type { AccessRule } from './nest/access/session-metadata.js';
export type { SessionRedirect, SessionRefusal } from './nest/access/session-refusal.js';
export { safeReturnTo } from './nest/request/return-to.js';
export { SessionContextError } from './nest/access/session-context.error.js';
export { SessionGuard } from './nest/guards/session.guard.js';
export { SessionClientGoneError } from './nest/request/http-exchange.js';
export type { HttpSession, SignIn, SignOut } from './nest/http/http-session.interface.js';
export { HttpSessions } from './nest/http/http-sessions.js';
export { SessionHttpErrors } from './nest/http/session-http-errors.js';
export type { PolicyDeviation } from './nest/options/policy-deviations.js';
export type {
  JustifiableOption,
  SessionBearerOptions,
  SessionCleanupOptions,
  SessionCookieOptions,
  SessionCsrfOptions,
  SessionModuleAsyncOptions,
  SessionModuleOptions,
  SessionModuleRootOptions,
  SessionOptionsFactory,
  SessionSocketOptions,
  SessionProfile,
} from './nest/options/session-module-options.interface.js';
export type { DescribedSessionPolicy } from './nest/policy/describe-policy.js';
export { SessionPolicyDescription } from './nest/policy/session-policy-description.js';
export { SESSION_OPTIONS, SESSION_STORE } from './nest/options/session.constants.js';
export { SessionModule } from './nest/module/session.module.js';
export { SessionSockets } from './nest/sockets/session-sockets.js';
export { memoryStore } from './stores/memory/index.js';
